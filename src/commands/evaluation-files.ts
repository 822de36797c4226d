import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../core/errors.ts'
import { rankDocuments } from '../evaluation/top-results.ts'
import { qrelsLines, trecRunLines } from '../evaluation/trec-run.ts'
import type { EmbeddedSet } from './embed-set.ts'

export type EvaluationFiles = { readonly out: string; readonly run: string; readonly qrels: string }

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

/**
 * Writes the best `depth` results of every query, captions first and then pictures, as a TREC run, and the judgements beside it, so
 * that trec_eval can be asked for a second opinion.
 */
export async function writeRun(
  files: EvaluationFiles,
  { images, captions, relevant }: EmbeddedSet,
  { tag, depth }: { readonly tag: string; readonly depth: number },
): Promise<void> {
  function* run(): Generator<string> {
    yield* trecRunLines(rankDocuments(captions, images, depth), tag)
    yield* trecRunLines(rankDocuments(images, captions, depth), tag)
  }
  await writing(files.run, () => pipeline(Readable.from(run()), createWriteStream(files.run)))
  await writing(files.qrels, () =>
    pipeline(Readable.from(qrelsLines(judgements(captions, relevant))), createWriteStream(files.qrels)),
  )
}

type Judged = readonly [queryId: string, grades: ReadonlyMap<string, number>]

function* judgements(captions: EmbeddedSet['captions'], relevant: EmbeddedSet['relevant']): Generator<Judged> {
  const captionsOf = new Map<string, Map<string, number>>()
  for (const { id, imageId } of captions) {
    const imageIds = relevant.get(id) ?? [imageId]
    yield [id, new Map(imageIds.map((image) => [image, 1]))]
    for (const image of imageIds) captionsOf.set(image, (captionsOf.get(image) ?? new Map<string, number>()).set(id, 1))
  }
  yield* captionsOf
}
