import usearch from 'usearch'
import type { IndexSettings } from './settings.ts'

/**
 * An HNSW graph (Malkov and Yashunin, 2016) from point numbers to their neighbourhoods. It holds vectors at 16 bits and only proposes
 * candidates: whoever asks scores them exactly and passes over those that are gone. Nothing is ever taken out of it, since a
 * node that is reused leaves stale links behind; with many dead points it is made anew.
 */
export interface Graph {
  size(): number
  has(number: number): boolean
  add(number: number, vector: Float32Array): void
  /** About the `count` nearest, in no promised order. */
  candidates(query: Float32Array, count: number): number[]
  save(path: string): void
}

/** A new graph, or the one in the file `path`. Throws usearch's error when the file is none. */
export function createGraph(dimension: number, settings: IndexSettings, path?: string): Graph {
  const index = new usearch.Index({
    dimensions: dimension,
    metric: usearch.MetricKind.IP,
    quantization: usearch.ScalarKind.BF16,
    connectivity: settings.connectivity,
    expansion_add: settings.expansionAdd,
    expansion_search: settings.depth,
    multi: false,
  })
  if (path !== undefined) {
    index.load(path)
    if (index.dimensions() !== dimension) throw new TypeError(`The graph has ${index.dimensions()} dimensions.`)
  }
  return {
    size: () => index.size(),
    has: (number) => index.contains(BigInt(number)) === true,
    add: (number, vector) => index.add(BigInt(number), vector, 1),
    // usearch walks with an expansion of max(expansion_search, count): asking for more is how a search is made deeper.
    candidates: (query, count) => Array.from(index.search(query, count, 1).keys, Number),
    save: (path) => index.save(path),
  }
}
