import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256Hex } from '../core/ids.ts'
import { requireGoing } from '../core/stop.ts'
import type { BlobStore } from '../ports/blob-store.ts'
import { encodeShard, isShard, localFailure, openShard, type Shard, type ShardEntry } from './feature-shard.ts'

/** The features of one network and view, by the ids of images or pairs: shards in the blob store, their copies in a local folder, and what is not yet in a shard. */
export type FeatureShards = {
  /** What is known of these; damaged rows are not. */
  get(ids: readonly string[]): ReadonlyMap<string, Float32Array>
  /** Keeps features in memory until a shard is full. What is known already stays as it is. */
  put(entries: readonly ShardEntry[]): Promise<void>
  /** Takes in the shards that other processes have written, lets go those that they have removed, and forgets in memory who is not alive. */
  refresh(): Promise<void>
  /** Forgets those that `isErased`, durably, also in the shards of other processes. */
  erase(isErased: (id: string) => boolean): Promise<void>
  /** Writes what is in memory. */
  flush(): Promise<void>
  close(): void
}

type FeatureShardsOptions = {
  readonly blobs: BlobStore
  /** Of the blob keys, without a slash at the end. */
  readonly prefix: string
  readonly folder: string
  readonly rowsPerShard: number
  /** Asked of what waits in memory before it is written: it may have been erased since. */
  readonly isLive: (id: string) => boolean
  /** Raised when nobody has a use for the shards any more: what is under way then ends with the shard in hand, by `not-ready`. */
  readonly signal: AbortSignal
}

type Place = { readonly name: string; readonly row: number }

/** Opens the shards, fetching those that have no whole local copy. A shard that is damaged in the blob store too is dropped. */
export async function openFeatureShards(options: FeatureShardsOptions): Promise<FeatureShards> {
  const { blobs, prefix, folder, rowsPerShard, isLive, signal } = options
  const shards = new Map<string, Shard>()
  const places = new Map<string, Place>()
  const pending = new Map<string, Float32Array>()
  let last: Promise<unknown> = Promise.resolve()

  const pathOf = (name: string): string => join(folder, name)
  const keyOf = (name: string): string => `${prefix}/${name}`

  /** One change of the files at a time. */
  function serially<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work)
    last = turn.catch(() => undefined)
    return turn
  }

  async function keepLocally(name: string, bytes: Uint8Array): Promise<Shard> {
    try {
      await writeFile(`${pathOf(name)}.part`, bytes)
      await rename(`${pathOf(name)}.part`, pathOf(name))
    } catch (cause) {
      throw localFailure(pathOf(name), cause)
    }
    const shard = openShard(pathOf(name))
    if (shard === null) throw localFailure(pathOf(name))
    return shard
  }

  /** Makes the rows of a shard known. */
  function admit(name: string, shard: Shard): void {
    shards.set(name, shard)
    shard.ids.forEach((id, row) => {
      places.set(id, { name, row })
      pending.delete(id)
    })
  }

  /** Null where another process has removed it, and where it is damaged in the blob store, for all: then it is removed. */
  async function fetchShard(name: string): Promise<Shard | null> {
    const bytes = await blobs.get(keyOf(name))
    if (bytes === null) return null
    if (sha256Hex(bytes) === name && isShard(bytes)) return keepLocally(name, bytes)
    await remove(name)
    return null
  }

  function forget(name: string): void {
    shards.get(name)?.close()
    shards.delete(name)
    for (const [id, place] of places) if (place.name === name) places.delete(id)
  }

  async function remove(name: string): Promise<void> {
    forget(name)
    await blobs.delete(keyOf(name))
    await rm(pathOf(name), { force: true })
  }

  async function write(entries: readonly ShardEntry[]): Promise<void> {
    const bytes = encodeShard(entries)
    const name = sha256Hex(bytes)
    await blobs.put(keyOf(name), bytes)
    admit(name, await keepLocally(name, bytes))
  }

  function forgetErased(): void {
    for (const id of pending.keys()) if (!isLive(id)) pending.delete(id)
  }

  /** A damaged copy is fetched again; what was lost with it counts as unknown until then. */
  function repair(name: string): void {
    forget(name)
    void serially(async () => {
      await rm(pathOf(name), { force: true })
      const shard = await fetchShard(name)
      if (shard !== null) admit(name, shard)
    }).catch(() => undefined) // the features are computed again
  }

  const flushFull = (least: number): Promise<void> =>
    serially(async () => {
      const isDue = (): boolean => pending.size > 0 && pending.size >= least
      while (isDue()) {
        forgetErased()
        if (isDue()) await write([...pending].slice(0, rowsPerShard))
      }
    })

  async function eraseFrom(name: string, shard: Shard, isErased: (id: string) => boolean): Promise<void> {
    const kept = shard.ids.flatMap((id, row): ShardEntry[] => {
      const features = isErased(id) ? null : shard.read(row)
      return features === null ? [] : [[id, features]]
    })
    if (kept.length > 0) await write(kept)
    await remove(name)
  }

  async function takeStored(): Promise<void> {
    const stored = new Set<string>()
    for await (const { key } of blobs.list(`${prefix}/`)) stored.add(key.slice(prefix.length + 1))
    for (const name of shards.keys()) if (!stored.has(name)) forget(name)
    for (const name of await readdir(folder)) if (!stored.has(name)) await rm(pathOf(name), { force: true })
    for (const name of stored) {
      if (shards.has(name)) continue
      requireGoing(signal)
      const shard = openShard(pathOf(name)) ?? (await fetchShard(name))
      if (shard !== null) admit(name, shard)
    }
  }

  await mkdir(folder, { recursive: true })
  await takeStored()

  return {
    get(ids) {
      const found = new Map<string, Float32Array>()
      for (const id of ids) {
        const place = places.get(id)
        const features = pending.get(id) ?? (place && shards.get(place.name)?.read(place.row))
        if (features) found.set(id, features)
        else if (place) repair(place.name)
      }
      return found
    },
    async put(entries) {
      for (const [id, features] of entries) if (!places.has(id)) pending.set(id, features)
      await flushFull(rowsPerShard)
    },
    refresh: () =>
      serially(async () => {
        forgetErased()
        await takeStored()
      }),
    erase: (isErased) =>
      serially(async () => {
        await takeStored()
        for (const id of pending.keys()) if (isErased(id)) pending.delete(id)
        for (const [name, shard] of [...shards]) {
          requireGoing(signal)
          if (shard.ids.some(isErased)) await eraseFrom(name, shard, isErased)
        }
      }),
    flush: () => flushFull(0),
    close() {
      for (const shard of shards.values()) shard.close()
      shards.clear()
      places.clear()
    },
  }
}
