import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../core/errors.ts'
import { rankDocuments } from '../evaluation/top-results.ts'
import { qrelsLines, trecRunLines } from '../evaluation/trec-run.ts'
import type { EmbeddedSet } from './embed-set.ts'

type RunFiles = { readonly run: string; readonly qrels: string }

/** A run and its judgements for each direction: trec_eval takes one mean over all queries of a file. */
export type EvaluationFiles = { readonly out: string; readonly textToImage: RunFiles; readonly imageToText: RunFiles }

/** The files of a run that is called `base`, with or without an extension. */
export function runFiles(base: string): Omit<EvaluationFiles, 'out'> {
  const stem = base.replace(/\.(run|trec|txt)$/, '')
  const filesOf = (direction: string): RunFiles => ({
    run: `${stem}.${direction}.run`,
    qrels: `${stem}.${direction}.qrels`,
  })
  return { textToImage: filesOf('t2i'), imageToText: filesOf('i2t') }
}

async function writing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await write()
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code
    if (reason === undefined) throw cause
    if (reason === 'ENOSPC')
      throw new AppError('storage-full', `The disk that holds ${path} is full; free some space.`, { cause })
    throw new AppError('invalid-request', `${path} cannot be written (${reason}); name another file.`, { cause })
  }
}

export const writeJson = (path: string, value: object): Promise<void> =>
  writing(path, () => writeFile(path, `${JSON.stringify(value, null, 2)}\n`))

const writeLines = (path: string, lines: Iterable<string>): Promise<void> =>
  writing(path, () => pipeline(Readable.from(lines), createWriteStream(path)))

/**
 * Writes the best `depth` results of every query as TREC runs, one a direction, and the judgements beside them, so that trec_eval can
 * be asked for a second opinion.
 */
export async function writeRuns(
  { textToImage, imageToText }: EvaluationFiles,
  { images, captions, relevant }: EmbeddedSet,
  { tag, depth }: { readonly tag: string; readonly depth: number },
): Promise<void> {
  const { ofCaptions, ofImages } = judgements(captions, relevant)
  await writeLines(textToImage.run, trecRunLines(rankDocuments(captions, images, depth), tag))
  await writeLines(textToImage.qrels, qrelsLines(ofCaptions))
  await writeLines(imageToText.run, trecRunLines(rankDocuments(images, captions, depth), tag))
  await writeLines(imageToText.qrels, qrelsLines(ofImages))
}

type Grades = Map<string, Map<string, number>>

function judgements(captions: EmbeddedSet['captions'], relevant: EmbeddedSet['relevant']) {
  const ofCaptions: Grades = new Map()
  const ofImages: Grades = new Map()
  for (const { id, imageId } of captions) {
    const imageIds = relevant.get(id) ?? [imageId]
    ofCaptions.set(id, new Map(imageIds.map((image) => [image, 1])))
    for (const image of imageIds) ofImages.set(image, (ofImages.get(image) ?? new Map<string, number>()).set(id, 1))
  }
  return { ofCaptions, ofImages }
}
