export interface BoundedCache<V> {
  /** What is kept under the key, which then stays longest. */
  get(key: string): V | undefined
  /** Keeps a value unless it is too large alone; those that were asked for longest ago make room. */
  set(key: string, value: V): void
  delete(key: string): void
  keys(): string[]
  clear(): void
}

/** A cache that holds values of at most `most` together, in the unit of `sizeOf`. */
export function createBoundedCache<V>(most: number, sizeOf: (value: V, key: string) => number): BoundedCache<V> {
  // A map keeps the order of insertion, so the first entry is the one that was not asked for longest.
  const entries = new Map<string, { readonly value: V; readonly size: number }>()
  let total = 0

  const remove = (key: string): void => {
    total -= entries.get(key)?.size ?? 0
    entries.delete(key)
  }

  return {
    get(key) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.value
    },
    set(key, value) {
      remove(key)
      const size = sizeOf(value, key)
      if (size > most) return
      entries.set(key, { value, size })
      total += size
      for (const oldest of entries.keys()) {
        if (total <= most) break
        remove(oldest)
      }
    },
    delete: remove,
    keys: () => [...entries.keys()],
    clear() {
      entries.clear()
      total = 0
    },
  }
}
