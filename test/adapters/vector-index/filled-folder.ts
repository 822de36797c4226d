import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  createEmbeddedIndex,
  type EmbeddedIndex,
  type EmbeddedIndexOptions,
} from '../../../src/adapters/vector-index/embedded.ts'
import type { Point, VectorIndex } from '../../../src/ports/vector-index.ts'
import { clusteredVectors, pointOf } from '../../fixtures/points.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

/** An index that is closed when the test has ended, with a graph from the first points on, so that few show how it behaves. */
export function openIndex(folder: string, options: Partial<EmbeddedIndexOptions> = {}): EmbeddedIndex {
  const index = createEmbeddedIndex({ folder, writable: true, settings: { scanBelow: 50, depth: 64 }, ...options })
  onTestFinished(() => index.close())
  return index
}

export const graphFile = (folder: string): string => join(folder, 'g1.images.usearch')

/** A folder with `count` image points in generation `g1`, its index closed; `draw` yields queries like them. */
export async function filledFolder(
  count: number,
): Promise<{ folder: string; points: readonly Point[]; draw: () => Float32Array }> {
  const folder = await temporaryFolder()
  const index = openIndex(folder)
  const draw = clusteredVectors(count, 16, 12)
  const points = Array.from({ length: count }, (_, number) =>
    pointOf(number, draw(), { metadata: { parity: number % 2 === 0 ? 'even' : 'odd', rare: String(number % 100) } }),
  )
  await index.create('g1', 16)
  await index.upsert('g1', 'images', points)
  await index.settled()
  await index.close()
  return { folder, points, draw }
}

/** The share of the exact top ten that plain searches find, over 20 queries. */
export async function recallOf(index: VectorIndex, draw: () => Float32Array): Promise<number> {
  let found = 0
  for (let query = 0; query < 20; query++) {
    const vector = draw()
    const exact = await index.search('g1', 'images', { vector, limit: 10, exact: true })
    const ids = new Set((await index.search('g1', 'images', { vector, limit: 10 })).map(({ id }) => id))
    found += exact.filter(({ id }) => ids.has(id)).length
  }
  return found / 200
}
