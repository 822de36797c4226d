import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { normalise } from '../../core/vector.ts'
import type { Filter } from '../../ports/vector-index.ts'
import type { Scored } from './best-list.ts'
import type { Collection, CollectionRecords } from './collection-records.ts'
import { createGraphBuilder } from './graph-builder.ts'
import { loadGraph, saveGraph } from './graph-file.ts'
import type { Matching } from './matching.ts'
import type { PointRecords, VectorChange, Written } from './point-records.ts'
import type { IndexSettings } from './settings.ts'
import { createVectorTable } from './vector-table.ts'

const PAGE = 1_000

/** While running the graph is saved after growing by this share, so that saving costs a constant part of building. */
const SAVE_WHEN_GROWN_BY = 0.2
/** On closing it is saved sooner: what is missing in the file is built again at the next start. */
const SAVE_AT_CLOSE_WHEN_GROWN_BY = 0.02

type Ranking = {
  readonly vector: Float32Array
  /** How many of the best are wanted. */
  readonly count: number
  readonly filter: Filter | null
  readonly exact: boolean
}

export type SearchableCollectionOptions = {
  readonly collection: Collection
  readonly collections: CollectionRecords
  readonly points: PointRecords
  readonly matching: Matching
  readonly folder: string
  readonly writable: boolean
  readonly settings: IndexSettings
}

/** One collection in memory, as of `position`: its vectors, and a graph over them. */
export interface SearchableCollection {
  /** Takes in what this process has just written. */
  apply(written: Written): void
  /** Reads what has been written since, here or by another process. `current` is the collection as it stands. */
  catchUp(current: Collection): Promise<void>
  /** The best points, best first, ties by id. */
  rank(ranking: Ranking): Scored[]
  /** Resolves when every point is in the graph and, where this process may write, the graph is saved if it has grown enough. */
  settled(): Promise<void>
  /** Stops building; saves the graph unless `discard`. */
  close(discard: boolean): Promise<void>
}

export const graphPath = (folder: string, { generation, kind }: Pick<Collection, 'generation' | 'kind'>): string =>
  join(folder, `${generation}.${kind}.usearch`)

export async function loadSearchableCollection(options: SearchableCollectionOptions): Promise<SearchableCollection> {
  const { collection, collections, points, matching, folder, writable, settings } = options
  const { dimension } = collection
  const path = graphPath(folder, collection)
  const table = createVectorTable(dimension)
  let position = collection.position

  const read = async (after: number, take: (page: readonly VectorChange[]) => void): Promise<void> => {
    for (;;) {
      const page = points.addedAfter(collection, after, PAGE)
      take(page)
      const last = page.at(-1)
      if (last === undefined || page.length < PAGE) return
      after = last.number
      await yieldToOthers()
    }
  }

  await read(0, (page) => {
    for (const change of page) if (change.type === 'added') table.add(change.number, change.id, change.vector)
  })

  if (writable) await rm(`${path}.tmp`, { force: true })
  const record = collections.graph(collection.number)
  const graph = record === null ? null : await loadGraph(path, record, dimension, settings)
  let saving: Promise<void> = Promise.resolve()

  const builder = createGraphBuilder({
    table,
    dimension,
    settings,
    from: graph === null || record === null ? null : { graph, covers: record.covers },
    onSettled: () => saveWhenGrownBy(SAVE_WHEN_GROWN_BY),
  })
  let saved = { graph: builder.graph(), size: graph === builder.graph() ? builder.graph().size() : 0 }

  function saveWhenGrownBy(share: number): void {
    const current = builder.graph()
    const size = current.size()
    const grown = saved.graph === current ? size - saved.size : size
    if (!writable || grown <= size * share) return
    const before = saved
    saved = { graph: current, size }
    const covers = builder.covers()
    saving = saving
      .then(async () => {
        const written = await saveGraph(current, folder, path)
        collections.setGraph(collection.number, { ...written, covers })
      })
      .catch(() => {
        // The file is a cache: without it the next start builds the graph again. Try once more when it has grown.
        saved = before
      })
  }

  const take = (changes: readonly VectorChange[]): void => {
    const numbers: number[] = []
    for (const change of changes) {
      if (change.type === 'removed') {
        table.delete(change.number)
        builder.removed(change.number)
      } else if (!table.has(change.number)) {
        table.add(change.number, change.id, change.vector)
        numbers.push(change.number)
      }
    }
    builder.added(numbers.filter((number) => table.has(number)))
  }

  const catchUp = async (current: Collection): Promise<void> => {
    if (current.position === position) return
    const known = position
    await read(known, take)
    take(points.removedAfter(collection, known).map((number) => ({ type: 'removed', number })))
    position = Math.max(position, current.position)
  }

  const rankByComparing = ({ count, filter }: Ranking, query: Float32Array): Scored[] =>
    table.best(query, count, filter === null ? undefined : matching(collection, filter))

  /** null when the filter lets more points through than are quickly compared. */
  const rankFew = ({ count, filter }: Ranking, query: Float32Array): Scored[] | null => {
    if (filter === null) return null
    const few = matching(collection, filter, { limit: settings.scanBelow + 1 })
    return few.length > settings.scanBelow ? null : table.best(query, count, few)
  }

  /** null when the graph does not offer enough points that live and match: then every point must be looked at. */
  const rankByGraph = ({ count, filter }: Ranking, query: Float32Array): Scored[] | null => {
    const through = (numbers: readonly number[]): readonly number[] =>
      filter === null ? numbers.filter((number) => table.has(number)) : matching(collection, filter, { among: numbers })
    const pending = through([...builder.pending()])
    for (const depth of [settings.depth, 4 * settings.depth]) {
      const candidates = through(builder.graph().candidates(query, depth))
      if (candidates.length >= count) return table.best(query, count, new Set([...candidates, ...pending]))
    }
    return null
  }

  const graphServes = ({ count, exact }: Ranking): boolean =>
    !exact &&
    count <= settings.depth &&
    table.size() > settings.scanBelow &&
    builder.pending().size <= settings.scanBelow

  return {
    apply({ changes, position: reached }) {
      take(changes)
      position = reached
    },
    catchUp,
    rank(ranking) {
      const query = normalise(ranking.vector)
      const quickly = graphServes(ranking) ? (rankFew(ranking, query) ?? rankByGraph(ranking, query)) : null
      return quickly ?? rankByComparing(ranking, query)
    },
    async settled() {
      await builder.settled()
      await saving
    },
    async close(discard) {
      builder.stop()
      if (!discard) saveWhenGrownBy(SAVE_AT_CLOSE_WHEN_GROWN_BY)
      await saving
    },
  }
}
