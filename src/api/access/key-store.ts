import { sha256Hex } from '../../core/ids.ts'
import { AppError, toAppError } from '../../core/errors.ts'
import type { BlobStore } from '../../ports/blob-store.ts'
import { isKeyId, keyRecordSchema, newKey, revocationSchema, type KeyRecord, type Revocation } from './api-key.ts'
import { blobsInTime } from './shared-secret.ts'

const PREFIX = 'keys/'

/** A revoked key opens nothing from this many milliseconds on, on any replica. */
export const KEY_REFRESH = 5_000
/** While the blob store is away, which takes no revocation either, a key that was looked up within so many milliseconds goes on. */
const GRACE = 600_000
/** Ids that are remembered; whoever sends ever others must not fill the memory. */
const MOST_REMEMBERED = 10_000

export type StoredKey = KeyRecord & { readonly revocation: Revocation | null }

export interface KeyStore {
  /** Makes a key; `text` is told this once. */
  create(
    facts: Omit<KeyRecord, 'id' | 'hash' | 'createdAt'>,
  ): Promise<{ readonly key: KeyRecord; readonly text: string }>
  /** Takes a key back for good; repeating it changes nothing. Throws `key-not-found`. */
  revoke(id: string, revokedBy: string): Promise<Revocation>
  /** All keys, the revoked ones too, oldest first. */
  list(): Promise<readonly StoredKey[]>
  /** A key as of at most five seconds ago; null where there is none. Throws `blob-store-unavailable`. */
  find(id: string): Promise<StoredKey | null>
  /** Whether a key was ever made: from then on nobody is let in without one, though all were revoked. */
  wasUsed(): Promise<boolean>
}

type Looked = { readonly key: StoredKey | null; readonly at: number; readonly triedAt: number }

/**
 * Keys in the blob store, which all replicas share: a record a key, and beside it, once it is revoked, a second one. Nothing ever
 * rewrites or deletes either, so that no race brings a revoked key back.
 */
export function createKeyStore({ blobs, clock }: { blobs: BlobStore; clock: () => number }): KeyStore {
  const looked = new Map<string, Looked>()
  const looking = new Map<string, Promise<StoredKey | null>>()
  let used: { readonly was: boolean; readonly at: number } | null = null

  const read = async (name: string): Promise<unknown> => {
    const bytes = await blobs.get(`${PREFIX}${name}`)
    return bytes === null ? null : JSON.parse(Buffer.from(bytes).toString('utf8'))
  }
  const write = (name: string, value: object): Promise<void> =>
    blobsInTime(blobs.put(`${PREFIX}${name}`, Buffer.from(`${JSON.stringify(value, null, 2)}\n`)))

  const load = async (id: string): Promise<StoredKey | null> => {
    const [record, revoked] = await Promise.all([read(`${id}.json`), read(`${id}.revoked.json`)])
    if (record === null) return null
    return { ...keyRecordSchema.parse(record), revocation: revoked === null ? null : revocationSchema.parse(revoked) }
  }

  const remember = (id: string, value: Looked): void => {
    looked.delete(id)
    looked.set(id, value)
    const [oldest] = looked.keys()
    if (looked.size > MOST_REMEMBERED && oldest !== undefined) looked.delete(oldest)
  }

  /** Many requests with one key wait for one look. */
  const lookOnce = (id: string): Promise<StoredKey | null> => {
    const running = looking.get(id) ?? blobsInTime(load(id)).finally(() => looking.delete(id))
    looking.set(id, running)
    return running
  }

  const hasAny = async (): Promise<boolean> => {
    for await (const { key } of blobs.list(PREFIX)) if (key.endsWith('.json')) return true
    return false
  }

  const list = async (): Promise<readonly StoredKey[]> => {
    const ids: string[] = []
    for await (const { key } of blobs.list(PREFIX)) {
      const [id = '', ending] = key.slice(PREFIX.length).split(/\.(?=json$)/)
      if (ending === 'json' && isKeyId(id)) ids.push(id)
    }
    const keys = await Promise.all(ids.map(load))
    return keys.filter((key) => key !== null).sort((a, b) => a.createdAt - b.createdAt)
  }

  return {
    list,
    async create(facts) {
      const { id, text } = newKey()
      const key: KeyRecord = { id, ...facts, hash: sha256Hex(text), createdAt: clock() }
      await write(`${id}.json`, key)
      return { key, text }
    },
    async revoke(id, revokedBy) {
      const key = isKeyId(id) ? await blobsInTime(load(id)) : null
      if (key === null) throw new AppError('key-not-found', `There is no key ${id}; see 'pairstream keys list'.`)
      if (key.revocation !== null) return key.revocation
      const revocation = { revokedAt: clock(), revokedBy }
      await write(`${id}.revoked.json`, revocation)
      looked.delete(id)
      return revocation
    },
    async find(id) {
      const before = looked.get(id)
      const now = clock()
      if (before !== undefined && now - before.triedAt < KEY_REFRESH) return before.key
      try {
        const key = await lookOnce(id)
        remember(id, { key, at: now, triedAt: now })
        return key
      } catch (error) {
        if (toAppError(error).kind !== 'unavailable' || before === undefined || now - before.at >= GRACE) throw error
        remember(id, { ...before, triedAt: now })
        return before.key
      }
    },
    async wasUsed() {
      const now = clock()
      if (used !== null && (used.was || now - used.at < KEY_REFRESH)) return used.was
      try {
        used = { was: await blobsInTime(hasAny()), at: now }
      } catch (error) {
        if (used === null) throw error
        used = { ...used, at: now }
      }
      return used.was
    },
  }
}
