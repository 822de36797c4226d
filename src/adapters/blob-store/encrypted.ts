import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { AppError } from '../../core/errors.ts'
import type { BlobInfo, BlobStore } from '../../ports/blob-store.ts'

/** What an encrypted blob begins with; no picture and no file of this program does. */
const MAGIC = Buffer.from('PSENCR1\0', 'latin1')
const KEY_BYTES = 32
const KEY_NAME_BYTES = 8
/** NIST SP 800-38D, section 8.2: 96 bits, at random, which is safe for 2^32 blobs under one key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = MAGIC.length + KEY_NAME_BYTES + NONCE_BYTES
/** How much longer a blob is for being encrypted. */
const OVERHEAD = HEADER_BYTES + TAG_BYTES

type Key = { readonly name: Buffer; readonly secret: Buffer }

/** A key as it is configured: 32 bytes in base64. Throws `configuration-invalid`, which does not tell it. */
export function parseBlobKey(text: string): Key {
  const secret = Buffer.from(text, 'base64')
  if (secret.length !== KEY_BYTES || !/^[A-Za-z0-9+/]{43}=$/.test(text)) {
    throw new AppError(
      'configuration-invalid',
      'BLOB_ENCRYPTION_KEY: give 32 random bytes in base64, such as `openssl rand -base64 32` prints; several with commas between them, the newest first.',
    )
  }
  return { secret, name: createHash('sha256').update(secret).digest().subarray(0, KEY_NAME_BYTES) }
}

/** What is authenticated with the bytes: a blob that is put under another key of the store, or whose header is changed, does not open. */
const context = (header: Uint8Array, key: string): Buffer => Buffer.concat([header, Buffer.from(key, 'utf8')])

function encrypt(key: string, bytes: Uint8Array, { name, secret }: Key): Uint8Array {
  const header = Buffer.concat([MAGIC, name, randomBytes(NONCE_BYTES)])
  const cipher = createCipheriv('aes-256-gcm', secret, header.subarray(-NONCE_BYTES))
  cipher.setAAD(context(header, key))
  return Buffer.concat([header, cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: string, stored: Uint8Array, keys: readonly Key[]): Uint8Array {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  const header = bytes.subarray(0, HEADER_BYTES)
  const name = header.subarray(MAGIC.length, MAGIC.length + KEY_NAME_BYTES)
  const known = keys.find((each) => each.name.equals(name))
  if (known === undefined) {
    const detail = `The blob ${key} was encrypted with a key that BLOB_ENCRYPTION_KEY does not list; add it behind the newest.`
    // Unavailable, not invalid: a consumer waits for the key, and gives up no record for want of it.
    throw new AppError('blob-store-unavailable', detail)
  }
  try {
    const decipher = createDecipheriv('aes-256-gcm', known.secret, header.subarray(-NONCE_BYTES))
    decipher.setAAD(context(header, key))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    return new Uint8Array(Buffer.concat([decipher.update(bytes.subarray(HEADER_BYTES, -TAG_BYTES)), decipher.final()]))
  } catch (cause) {
    const detail = `The blob ${key} is damaged, or was put there by somebody else; restore it from a copy.`
    throw new AppError('blob-corrupt', detail, { cause })
  }
}

const isEncrypted = (stored: Uint8Array): boolean =>
  stored.length >= OVERHEAD && MAGIC.equals(stored.subarray(0, MAGIC.length))

/**
 * Any blob store, with what is put into it encrypted by AES-256-GCM under the first of the keys; all of them decrypt. What lies there
 * unencrypted from before is read as it is. Without a key nothing is encrypted, and what is cannot be read. Throws `blob-corrupt` where
 * bytes are not those that were put, and `blob-store-unavailable` where their key is missing.
 */
export function withEncryption(store: BlobStore, keys: readonly Key[]): BlobStore {
  const [newest] = keys
  const asPut = (info: BlobInfo): BlobInfo =>
    newest === undefined ? info : { ...info, bytes: Math.max(0, info.bytes - OVERHEAD) }
  return {
    put: (key, bytes) => store.put(key, newest === undefined ? bytes : encrypt(key, bytes, newest)),
    async get(key) {
      const stored = await store.get(key)
      return stored === null || !isEncrypted(stored) ? stored : decrypt(key, stored, keys)
    },
    async info(key) {
      const info = await store.info(key)
      return info === null ? null : asPut(info)
    },
    delete: (key, unlessPutAfter) => store.delete(key, unlessPutAfter),
    async *list(prefix) {
      for await (const info of store.list(prefix)) yield asPut(info)
    },
    close: () => store.close(),
  }
}
