import { createReadStream, existsSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { EXAMPLES_FILE, FEATURES_FILE } from './training-data.ts'

const placeSchema = z.object({ row: z.number().int().nonnegative(), pairId: z.string() })

type IsGone = (pairId: string) => boolean
type Line = { readonly text: string; readonly row: number; readonly gone: boolean }

async function* linesOf(jobFolder: string, isGone: IsGone): AsyncGenerator<Line> {
  for await (const text of createInterface({ input: createReadStream(join(jobFolder, EXAMPLES_FILE)) })) {
    const { row, pairId } = placeSchema.parse(JSON.parse(text))
    yield { text, row, gone: isGone(pairId) }
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
 * Takes pairs out of a job's data: their examples, and with the last of an image its features, which become zeros so that the rows of
 * the others stay where they are. A training that reads meanwhile goes on: it holds its examples in memory.
 */
export async function forgetPairs(jobFolder: string, isGone: IsGone, rowBytes: number): Promise<void> {
  const kept: string[] = []
  const keptRows = new Set<number>()
  const lostRows = new Set<number>()
  for await (const { text, row, gone } of linesOf(jobFolder, isGone)) {
    if (gone) lostRows.add(row)
    else {
      kept.push(`${text}\n`)
      keptRows.add(row)
    }
  }
  // Before the examples: once these are without the pair, nobody comes back for its features.
  const features = await open(join(jobFolder, FEATURES_FILE), 'r+')
  try {
    for (const row of lostRows) {
      if (!keptRows.has(row)) await features.write(new Uint8Array(rowBytes), 0, rowBytes, row * rowBytes)
    }
    await features.sync()
  } finally {
    await features.close()
  }
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
