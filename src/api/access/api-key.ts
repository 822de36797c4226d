import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { accessRoles, allPermissions } from '../../core/permissions.ts'

const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'
const ID_LENGTH = 12
const SECRET_BYTES = 32
const TEXT = /^ps_([a-z2-7]{12})_[A-Za-z0-9_-]{43}$/
const ID = /^[a-z2-7]{12}$/

/** What is kept of a key: never its text. */
export const keyRecordSchema = z.object({
  id: z.string().regex(ID),
  name: z.string(),
  role: z.enum(accessRoles as [(typeof accessRoles)[number]]),
  /** Only these permissions of the role; null is all of them. */
  scopes: z
    .array(z.enum(allPermissions as [(typeof allPermissions)[number]]))
    .readonly()
    .nullable(),
  /** SHA-256 of the text in hexadecimal digits. A random secret cannot be guessed, so that a slow hash would gain nothing. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Milliseconds since the epoch, as all times here. */
  createdAt: z.number(),
  createdBy: z.string(),
  expiresAt: z.number().nullable(),
})

export type KeyRecord = z.infer<typeof keyRecordSchema>

export const revocationSchema = z.object({ revokedAt: z.number(), revokedBy: z.string() })
export type Revocation = z.infer<typeof revocationSchema>

/** A new key: its public id, and the text that opens, which nobody can make out of what is kept. */
export function newKey(): { readonly id: string; readonly text: string } {
  const id = [...randomBytes(ID_LENGTH)].map((byte) => ID_LETTERS[byte % ID_LETTERS.length]).join('')
  return { id, text: `ps_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}` }
}

/** The id in the text of a key; null where it is none. */
export const idOfKey = (text: string): string | null => TEXT.exec(text)?.[1] ?? null

export const isKeyId = (text: string): boolean => ID.test(text)

/** Whether a text has this SHA-256, in a time that tells nothing of how much of it is right. */
export function hasHash(text: string, hash: string): boolean {
  return timingSafeEqual(createHash('sha256').update(text).digest(), Buffer.from(hash, 'hex'))
}
