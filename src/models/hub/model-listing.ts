import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { isSafePath, leadsOutside } from './safe-path.ts'
import type { ModelName } from './model-name.ts'

/** A file as the hub announces it. */
export type AnnouncedFile = {
  readonly path: string
  /** Null where the hub does not say it. */
  readonly bytes: number | null
  /** Of files in large-file storage. */
  readonly sha256: string | null
  /** Of all others: git's own digest. */
  readonly gitBlob: string | null
}

/** One state of a repository. */
export type ModelListing = ModelName & {
  readonly commit: string
  /** As its card says, such as `apache-2.0`. */
  readonly licence: string | null
  /** By path; only files that may be fetched at all. */
  readonly files: ReadonlyMap<string, AnnouncedFile>
}

const MOST_FILES = 20_000

const size = z.number().int().nonnegative()
const schema = z.looseObject({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  cardData: z.looseObject({ license: z.unknown() }).nullish(),
  siblings: z
    .array(
      z.looseObject({
        rfilename: z.string().min(1).max(1_000),
        size: size.nullish(),
        blobId: z
          .string()
          .regex(/^[0-9a-f]{40}$/)
          .nullish(),
        lfs: z.looseObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size }).nullish(),
      }),
    )
    .max(MOST_FILES),
})

/**
 * Reads what a hub answers to `GET /api/models/NAME/revision/REVISION?blobs=true` (documented as `model_info` with `files_metadata`).
 * Throws `hub-refused` where it is something else, and `model-unsafe` where a file is named so that it would lie elsewhere.
 */
export function readListing(name: ModelName, answer: unknown): ModelListing {
  const parsed = schema.safeParse(answer)
  if (!parsed.success) {
    const detail = `The hub's answer about ${name.repository} is not a list of a model's files; check HUB_URL.`
    throw new AppError('hub-refused', detail)
  }
  const { sha, cardData, siblings } = parsed.data
  const hostile = siblings.find(({ rfilename }) => leadsOutside(rfilename))
  if (hostile !== undefined) {
    const detail = `${name.repository} names a file ${JSON.stringify(hostile.rfilename)}, which leads out of its folder.`
    throw new AppError('model-unsafe', `${detail} Do not use this model.`)
  }
  const files = siblings.filter(({ rfilename }) => isSafePath(rfilename))
  return {
    ...name,
    commit: sha,
    licence: typeof cardData?.license === 'string' ? cardData.license.slice(0, 100) : null,
    files: new Map(
      files.map(({ rfilename, size: bytes, blobId, lfs }) => {
        const announced = { bytes: lfs?.size ?? bytes ?? null, sha256: lfs?.sha256 ?? null }
        return [rfilename, { path: rfilename, ...announced, gitBlob: lfs == null ? (blobId ?? null) : null }]
      }),
    ),
  }
}
