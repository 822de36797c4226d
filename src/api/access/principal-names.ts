import { createHmac } from 'node:crypto'
import { z } from 'zod'
import type { BlobStore } from '../../ports/blob-store.ts'
import { blobsInTime, type SharedSecret } from './shared-secret.ts'

const PREFIX = 'principals/'
const recordSchema = z.object({ name: z.string() })

/** Digits of base64url: 132 bits. */
const DIGEST_LENGTH = 22
const ID = /^(user|cli):([A-Za-z0-9_-]{22})$/

/**
 * What stands for people where things are kept for ever: a digest that is keyed, so that nobody without the secret can guess whose it is,
 * and the name beside it in the blob store, where it can be forgotten.
 */
export interface PrincipalNames {
  idOf(kind: 'user' | 'cli', name: string): Promise<string>
  /** Keeps the name of an id, once a process; does nothing where the id is no digest. */
  remember(principal: { readonly id: string; readonly name: string | null }): Promise<void>
  /** Null where it was forgotten, or never kept. */
  nameOf(id: string): Promise<string | null>
  forget(id: string): Promise<void>
}

export function createPrincipalNames(deps: { blobs: BlobStore; secret: SharedSecret }): PrincipalNames {
  const { blobs, secret } = deps
  const kept = new Set<string>()

  const keyOf = (id: string): string | null => {
    const [, kind, digest] = ID.exec(id) ?? []
    return kind === undefined || digest === undefined ? null : `${PREFIX}${kind}/${digest}.json`
  }

  return {
    async idOf(kind, name) {
      const { bytes } = await secret.current()
      const digest = createHmac('sha256', bytes)
        .update(JSON.stringify([kind, name]))
        .digest('base64url')
      return `${kind}:${digest.slice(0, DIGEST_LENGTH)}`
    },
    async remember({ id, name }) {
      const key = keyOf(id)
      if (key === null || name === null || kept.has(id)) return
      if ((await blobsInTime(blobs.info(key))) === null) {
        await blobsInTime(blobs.put(key, Buffer.from(`${JSON.stringify({ name })}\n`)))
      }
      kept.add(id)
    },
    async nameOf(id) {
      const key = keyOf(id)
      const bytes = key === null ? null : await blobs.get(key)
      return bytes === null ? null : recordSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))).name
    },
    async forget(id) {
      const key = keyOf(id)
      if (key !== null) await blobs.delete(key)
      kept.delete(id)
    },
  }
}
