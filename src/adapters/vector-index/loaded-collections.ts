import { AppError } from '../../core/errors.ts'
import type { PointKind } from '../../ports/vector-index.ts'
import type { Collection } from './collection-records.ts'
import {
  loadSearchableCollection,
  type SearchableCollection,
  type SearchableCollectionOptions,
} from './searchable-collection.ts'

/** The collections that this process has in memory: each is loaded when it is first asked for. */
export function createLoadedCollections(options: Omit<SearchableCollectionOptions, 'collection'>) {
  const loaded = new Map<number, Promise<SearchableCollection>>()
  let closed = false

  const find = (generation: string, kind: PointKind): Collection => {
    if (closed) throw new AppError('index-unavailable', 'The index is closed.')
    return options.collections.collection(generation, kind)
  }

  const discard = async (number: number): Promise<void> => {
    const collection = loaded.get(number)
    loaded.delete(number)
    await (await collection?.catch(() => undefined))?.close(true)
  }

  const load = (collection: Collection): Promise<SearchableCollection> => {
    const known = loaded.get(collection.number)
    if (known !== undefined) return known
    const loading = loadSearchableCollection({ ...options, collection })
    loaded.set(collection.number, loading)
    loading.catch(() => loaded.delete(collection.number))
    // Another process may have dropped what this one still has in memory.
    const existing = options.collections.numbers()
    for (const number of loaded.keys()) if (!existing.has(number)) void discard(number)
    return loading
  }

  return {
    /** Throws `generation-not-found`, or `index-unavailable` once closed. */
    find,
    /** The collection in memory, as it stands now. */
    async current(
      generation: string,
      kind: PointKind,
    ): Promise<{ collection: Collection; memory: SearchableCollection }> {
      const memory = await load(find(generation, kind))
      await memory.catchUp(find(generation, kind))
      return { collection: find(generation, kind), memory }
    },
    discard,
    async settled(): Promise<void> {
      for (const collection of loaded.values()) await (await collection).settled()
    },
    isClosed: () => closed,
    async close(): Promise<void> {
      if (closed) return
      closed = true
      for (const collection of loaded.values()) await (await collection.catch(() => undefined))?.close(false)
    },
  }
}
