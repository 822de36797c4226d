import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { normaliseCaption } from '../core/caption.ts'
import { AppError } from '../core/errors.ts'
import type { Split } from '../core/split.ts'
import { heldOutSet } from '../evaluation/held-out.ts'
import { openSource } from '../producers/detect.ts'
import { splitFiles } from '../producers/formats/flickr8k.ts'
import { isFault, type Source } from '../producers/source.ts'
import { createJudgement } from '../roles/judgement.ts'
import type { Services } from '../roles/services.ts'
import type { Picture } from './encode-pictures.ts'

type EvaluationCaption = { readonly id: string; readonly picture: string; readonly text: string }

/** Pictures, by their names, with the captions that were written for them. Names and ids hold no white space. */
export type EvaluationSet = {
  readonly describe: string
  readonly split: Split | 'all'
  readonly pictures: readonly Picture[]
  readonly captions: readonly EvaluationCaption[]
  /** By caption id, where more pictures than its own satisfy a caption. */
  readonly relevant: ReadonlyMap<string, readonly string[]>
  /** Entries that could not be read. */
  readonly skipped: readonly { readonly name: string; readonly code: string; readonly detail: string }[]
}

const noPictures = (describe: string, split: Split | 'all'): AppError =>
  new AppError(
    'source-not-found',
    `${describe} has no captioned picture in the split ${split}; name another by --split, or use --split all.`,
  )

/** TREC's fields are separated by white space, so a name with some is escaped as in an address. */
const withoutSpace = (name: string): string => (/\s/.test(name) ? encodeURI(name) : name)

/** Flickr8k says by lists which pictures a split has; without the list nobody knows. */
async function checkSplitFile(folder: string, { format }: Source, split: Split | 'all'): Promise<void> {
  const file = Object.keys(splitFiles).find((name) => splitFiles[name] === split)
  if (format !== 'flickr8k' || split === 'all') return
  if (file === undefined)
    throw new AppError('source-not-found', `Flickr8k has no split ${split}; use train, val or test.`)
  await access(join(folder, file)).catch((cause: unknown) => {
    const detail = `${file} is missing in ${folder}: it lists the pictures of the split ${split}. Put it there, or name another split.`
    throw new AppError('source-not-found', detail, { cause })
  })
}

/** The pictures and captions of a data set on disk, as it is; nothing is published. Throws `source-not-found`, `source-unrecognised`. */
export async function readDataSet(folder: string, split: Split | 'all'): Promise<EvaluationSet> {
  const source = await openSource(folder)
  await checkSplitFile(folder, source, split)
  const pictures = new Map<string, Picture>()
  const captions: EvaluationCaption[] = []
  const skipped: { name: string; code: string; detail: string }[] = []
  const counts = new Map<string, number>()
  for await (const item of source.entries()) {
    if (isFault(item)) {
      skipped.push({ name: item.source, code: item.code, detail: item.detail })
      continue
    }
    if (item.caption === null || (split !== 'all' && item.split !== split)) continue
    const name = withoutSpace(item.imageName)
    try {
      const text = normaliseCaption(item.caption)
      const number = counts.get(name) ?? 0
      counts.set(name, number + 1)
      captions.push({ id: `${name}#${number}`, picture: name, text })
      if (!pictures.has(name)) pictures.set(name, { name, imageId: null, bytes: item.image })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      skipped.push({ name: item.source, code: error.code, detail: error.message })
    }
  }
  if (pictures.size === 0) throw noPictures(source.describe, split)
  return { describe: source.describe, split, pictures: [...pictures.values()], captions, relevant: new Map(), skipped }
}

/** The live pictures and captions of a split that were published, judged as the gate judges them. */
export function publishedSet(services: Services, split: Split): EvaluationSet {
  const { catalogue, bytesOf, config } = services
  const { imageIds, captions, relevant } = heldOutSet(catalogue, split, createJudgement(catalogue))
  const describe = `what is published in ${config.DATA_DIR}`
  if (imageIds.length === 0) throw noPictures(describe, split)
  return {
    describe,
    split,
    pictures: imageIds.map((imageId) => ({ name: imageId, imageId, bytes: () => bytesOf(imageId) })),
    captions: captions.map(({ pairId, imageId, caption }) => ({ id: pairId, picture: imageId, text: caption })),
    relevant,
    skipped: [],
  }
}
