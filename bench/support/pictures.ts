import { basename } from 'node:path'
import { openSource } from '../../src/producers/detect.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { isFault, type Source, type SourceEntry } from '../../src/producers/source.ts'
import type { BenchOptions } from './options.ts'

export type BenchPicture = {
  readonly name: string
  readonly bytes: Uint8Array
  readonly captions: readonly string[]
}

/** The pairs to measure with, and what they are. `count` is how many scenes are drawn where there are no photographs. */
export async function benchSource(
  { dataset, seed }: BenchOptions,
  count: number,
): Promise<{ title: string; source: Source }> {
  if (dataset === null) return { title: 'generated scenes, built-in backbone', source: scenesSource({ count, seed }) }
  return { title: `photographs of ${basename(dataset)}`, source: await openSource(dataset) }
}

/** The entries of each picture, of the pictures from number `from` up to `to`. */
async function* entriesByPicture(source: Source, from: number, to: number): AsyncIterable<SourceEntry[]> {
  let group: SourceEntry[] = []
  let number = 0
  for await (const entry of source.entries()) {
    if (isFault(entry)) continue
    if (group.length > 0 && group[0]?.image !== entry.image) {
      if (number >= from) yield group
      group = []
      number++
      if (number >= to) return
    }
    group.push(entry)
  }
  if (group.length > 0 && number >= from) yield group
}

/** The source's pictures from number `from` up to `to`, read into memory. */
export async function readPictures(source: Source, from: number, to: number): Promise<BenchPicture[]> {
  const pictures: BenchPicture[] = []
  for await (const entries of entriesByPicture(source, from, to)) {
    const [first] = entries
    if (first === undefined) continue
    const captions = entries.flatMap(({ caption }) => caption ?? [])
    pictures.push({ name: first.imageName, bytes: await first.image(), captions })
  }
  return pictures
}

/** The source with only the pictures from number `from` up to `to`. */
export const portionOf = (source: Source, from: number, to: number): Source => ({
  ...source,
  total: null,
  async *entries() {
    for await (const entries of entriesByPicture(source, from, to)) yield* entries
  },
})
