import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseBlobKey, withEncryption } from '../../../src/adapters/blob-store/encrypted.ts'
import { createFileBlobStore } from '../../../src/adapters/blob-store/files.ts'
import { blobStoreContract } from '../../contracts/blob-store.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const newKey = () => randomBytes(32).toString('base64')
const [first, second] = [newKey(), newKey()]
const over = (folder: string, ...keys: string[]) =>
  withEncryption(createFileBlobStore({ folder }), keys.map(parseBlobKey))

/** The bytes of every file below the folder. */
async function stored(folder: string): Promise<Buffer> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))))
}

describe('a blob store with encryption', () => {
  blobStoreContract(async (folder) => over(folder, first))
})

describe('encrypted blobs', () => {
  it('hold nothing of the bytes, and are never the same twice', async () => {
    const folder = await temporaryFolder()
    const store = over(folder, first)
    const secret = Buffer.from('a picture of somebody')
    await store.put('images/ab/one', secret)
    const before = await stored(folder)
    expect(before.includes(secret.subarray(0, 8))).toBe(false)
    await store.put('images/ab/one', secret)
    expect((await stored(folder)).equals(before)).toBe(false)
    expect(await store.get('images/ab/one')).toEqual(new Uint8Array(secret))
  })

  it('open with an older key behind the newest, and not without it', async () => {
    const folder = await temporaryFolder()
    await over(folder, first).put('key', Uint8Array.of(1))
    expect(await over(folder, second, first).get('key')).toEqual(Uint8Array.of(1))
    const missing = {
      code: 'blob-store-unavailable',
      message: expect.stringContaining('BLOB_ENCRYPTION_KEY') as string,
    }
    await expect(over(folder, second).get('key')).rejects.toMatchObject(missing)
    await expect(over(folder).get('key')).rejects.toMatchObject(missing)
    await over(folder, second, first).put('key', Uint8Array.of(2))
    expect(await over(folder, second).get('key')).toEqual(Uint8Array.of(2))
  })

  it('are read where they lie unencrypted from before', async () => {
    const folder = await temporaryFolder()
    await createFileBlobStore({ folder }).put('key', Buffer.from('plain'))
    expect(await over(folder, first).get('key')).toEqual(new Uint8Array(Buffer.from('plain')))
  })

  it('do not open where a byte is changed or missing, or under the key of another', async () => {
    const folder = await temporaryFolder()
    const [plain, store] = [createFileBlobStore({ folder }), over(folder, first)]
    await store.put('key', randomBytes(40))
    const bytes = Buffer.from((await plain.get('key')) ?? [])
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ change
        await plain.put('key', changed)
        // Whoever changes the beginning has a blob that was never encrypted, and it is not what was put.
        if (at < 8) expect(await store.get('key')).toEqual(new Uint8Array(changed))
        else
          await expect(store.get('key')).rejects.toMatchObject({
            code: at < 16 ? 'blob-store-unavailable' : 'blob-corrupt',
          })
      }),
    )
    await plain.put('key', bytes.subarray(0, -1))
    await expect(store.get('key')).rejects.toMatchObject({ code: 'blob-corrupt' })
    await plain.put('other', bytes)
    await expect(store.get('other')).rejects.toMatchObject({ code: 'blob-corrupt' })
  })

  it.each(['', 'short', newKey().slice(1), `${newKey()}=`, Buffer.alloc(31).toString('base64')])(
    'are not made with a key that is none, which is not told: %s',
    async (text) => {
      const error = await Promise.resolve()
        .then(() => parseBlobKey(text))
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'configuration-invalid' })
      if (text.length > 5) expect(String(error)).not.toContain(text)
    },
  )
})
