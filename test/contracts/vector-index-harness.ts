import { afterEach } from 'vitest'
import type { VectorIndex } from '../../src/ports/vector-index.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

export const generation = 'g1'

export const along = (...values: number[]): Float32Array => Float32Array.from(values)

export const idsOf = (hits: readonly { id: string }[]): string[] => hits.map(({ id }) => id)

/** All ids of the image points, sorted. */
export async function sweep(index: VectorIndex, name = generation): Promise<string[]> {
  const ids: string[] = []
  for await (const id of index.ids(name, 'images')) ids.push(id)
  return ids.sort()
}

export type IndexHarness = {
  /** The index at a place, closed when the test has ended. */
  readonly openAt: (place: string) => Promise<VectorIndex>
  /** A new index with the generation `g1`. */
  readonly fresh: (dimension?: number) => Promise<VectorIndex>
  readonly settled: (index: VectorIndex) => Promise<void>
}

export function createIndexHarness<Index extends VectorIndex>(
  open: (place: string) => Promise<Index>,
  settled: (index: Index) => Promise<void>,
): IndexHarness {
  const opened = new Map<VectorIndex, Index>()
  afterEach(async () => {
    for (const index of opened.keys()) await index.close()
    opened.clear()
  })

  const openAt = async (place: string): Promise<VectorIndex> => {
    const index = await open(place)
    opened.set(index, index)
    return index
  }

  return {
    openAt,
    async fresh(dimension = 2) {
      const index = await openAt(await temporaryFolder())
      await index.create(generation, dimension)
      return index
    },
    async settled(index) {
      const own = opened.get(index)
      if (own !== undefined) await settled(own)
    },
  }
}
