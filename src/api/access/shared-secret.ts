import { randomBytes } from 'node:crypto'
import { withDeadline } from '../../core/deadline.ts'
import { AppError } from '../../core/errors.ts'
import type { BlobStore } from '../../ports/blob-store.ts'

const PREFIX = 'access/secrets/'
const BYTES = 32
/** Digits of a time in a name: sorted by name, secrets are sorted by time. */
const TIME_DIGITS = 15
const NAME = /^\d{15}-[0-9a-f]{8}$/

type Secret = { readonly name: string; readonly bytes: Uint8Array }

export interface SharedSecret {
  /** The one to use; made by the first process that asks. */
  current(): Promise<Secret>
  /** The secret of a name; null where there is none. */
  find(name: string): Promise<Uint8Array | null>
}

/** How long the blob store may take, in milliseconds. */
export const BLOB_PATIENCE = 3_000

export const blobsInTime = <T>(work: Promise<T>): Promise<T> =>
  withDeadline(work, BLOB_PATIENCE, () => new AppError('blob-store-unavailable', 'It does not answer.'))

/**
 * Random bytes that all processes of an installation share, in the blob store. Two that begin at the same moment may each go on with
 * their own, which is why whatever is made with a secret names it.
 */
export function createSharedSecret({ blobs, clock }: { blobs: BlobStore; clock: () => number }): SharedSecret {
  const known = new Map<string, Uint8Array>()
  let chosen: Promise<Secret> | null = null

  const find = async (name: string): Promise<Uint8Array | null> => {
    if (!NAME.test(name)) return null
    const bytes = known.get(name) ?? (await blobsInTime(blobs.get(`${PREFIX}${name}`)))
    if (bytes !== null) known.set(name, bytes)
    return bytes
  }

  const first = async (): Promise<Secret | null> => {
    const names: string[] = []
    for await (const { key } of blobs.list(PREFIX)) names.push(key.slice(PREFIX.length))
    const [name] = names.filter((each) => NAME.test(each)).sort()
    const bytes = name === undefined ? null : await find(name)
    return name === undefined || bytes === null ? null : { name, bytes }
  }

  const choose = async (): Promise<Secret> => {
    const there = await blobsInTime(first())
    if (there !== null) return there
    const name = `${String(clock()).padStart(TIME_DIGITS, '0')}-${randomBytes(4).toString('hex')}`
    await blobsInTime(blobs.put(`${PREFIX}${name}`, randomBytes(BYTES)))
    const made = await blobsInTime(first())
    if (made === null) throw new AppError('blob-store-unavailable', 'It does not give back what was put into it.')
    return made
  }

  return {
    find,
    current() {
      chosen ??= choose().catch((error: unknown) => {
        chosen = null
        throw error
      })
      return chosen
    },
  }
}
