import { AppError } from '../../core/errors.ts'
import { hubRepositoryOf } from '../pretrained/open-clip-names.ts'

/** A repository of a hub, and which state of it. */
export type ModelName = {
  /** `owner/name`. */
  readonly repository: string
  /** A branch, a tag, or a commit. */
  readonly revision: string
}

const part = /^(?!.*(\.\.|--))[A-Za-z0-9][\w.-]{0,95}$/
const revisionPattern = /^(?!.*(\.\.|\/\/))[\w][\w./-]{0,199}$/

const commitPattern = /^[0-9a-f]{40}$/

/** Whether a revision names one state for ever. */
export const isCommit = (revision: string): boolean => commitPattern.test(revision)

/** The `@` of a revision; OpenAI's own names have another one, as in `ViT-L/14@336px`. */
const REVISION_MARK = /@(?!\d+px(@|$))/

/**
 * Reads `owner/name` or `owner/name@revision`; names of open_clip stand for the repositories that hold them. The revision is `main` where
 * none is given. Throws `invalid-request`, and `model-not-found` for what no hub has. Both become parts of paths, so nothing is taken
 * that could lead elsewhere.
 */
export function parseModelName(text: string): ModelName {
  const at = text.search(REVISION_MARK)
  const revision = at < 0 ? 'main' : text.slice(at + 1)
  const repository = hubRepositoryOf(at < 0 ? text : text.slice(0, at))
  const parts = repository.split('/')
  if (parts.length !== 2 || !parts.every((each) => part.test(each))) {
    throw new AppError('invalid-request', 'A model is named as on the hub: owner/name, or owner/name@revision.')
  }
  if (!revisionPattern.test(revision)) {
    throw new AppError('invalid-request', 'A revision is a branch, a tag or a commit of the model, after the @.')
  }
  return { repository, revision }
}
