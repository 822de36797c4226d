import { createReadStream, existsSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { EXAMPLES_FILE, FEATURES_FILE, SENTENCES_FILE } from './training-data.ts'

const count = z.number().int().nonnegative()
const placeSchema = z.object({ row: count, sentence: count, pairId: z.string() })

/** The bytes that an image's features take, and a caption's embedding (0 where there are none). */
export type RowBytes = { readonly features: number; readonly sentences: number }

type IsGone = (pairId: string) => boolean
type Line = { readonly text: string; readonly row: number; readonly sentence: number; readonly gone: boolean }

async function* linesOf(jobFolder: string, isGone: IsGone): AsyncGenerator<Line> {
  for await (const text of createInterface({ input: createReadStream(join(jobFolder, EXAMPLES_FILE)) })) {
    const { row, sentence, pairId } = placeSchema.parse(JSON.parse(text))
    yield { text, row, sentence, gone: isGone(pairId) }
  }
}

/** Whether the data of a job may hold a pair that is gone: its examples name one, or cannot tell. */
export async function mayHold(jobFolder: string, isGone: IsGone): Promise<boolean> {
  if (!existsSync(join(jobFolder, EXAMPLES_FILE))) return true
  try {
    for await (const { gone } of linesOf(jobFolder, isGone)) if (gone) return true
    return false
  } catch {
    return true
  }
}

/**
 * Takes pairs out of a job's data: their examples, the embeddings of their captions, and with the last of an image its features; rows
 * become zeros, so that those of the others stay where they are. A training that reads meanwhile goes on: it holds its examples in memory.
 */
export async function forgetPairs(jobFolder: string, isGone: IsGone, rowBytes: RowBytes): Promise<void> {
  const kept: string[] = []
  const keptRows = new Set<number>()
  const lostRows = new Set<number>()
  const lostSentences = new Set<number>()
  for await (const { text, row, sentence, gone } of linesOf(jobFolder, isGone)) {
    if (gone) {
      lostRows.add(row)
      lostSentences.add(sentence)
    } else {
      kept.push(`${text}\n`)
      keptRows.add(row)
    }
  }
  // Before the examples: once these are without the pair, nobody comes back for its features.
  const goneRows = [...lostRows].filter((row) => !keptRows.has(row))
  await blank(join(jobFolder, FEATURES_FILE), goneRows, rowBytes.features)
  if (rowBytes.sentences > 0) await blank(join(jobFolder, SENTENCES_FILE), [...lostSentences], rowBytes.sentences)
  const path = join(jobFolder, EXAMPLES_FILE)
  const rewritten = await open(`${path}.new`, 'w')
  try {
    await rewritten.writeFile(kept.join(''))
    await rewritten.sync()
  } finally {
    await rewritten.close()
  }
  await rename(`${path}.new`, path)
}

/** Overwrites rows of a file with zeros. */
async function blank(path: string, rows: readonly number[], rowBytes: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    for (const row of rows) await file.write(new Uint8Array(rowBytes), 0, rowBytes, row * rowBytes)
    await file.sync()
  } finally {
    await file.close()
  }
}
