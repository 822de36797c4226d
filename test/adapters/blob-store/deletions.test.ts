import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createFileBlobStore } from '../../../src/adapters/blob-store/files.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('deletions that a crash cut off', () => {
  it('are given back, and never take the place of what was put since', async () => {
    const folder = await temporaryFolder()
    const first = createFileBlobStore({ folder })
    for (const key of ['images/a', 'images/b']) await first.put(key, bytesOf('old'))
    await first.close()
    await mkdir(join(folder, '~deleting/images'), { recursive: true })
    for (const key of ['images/a', 'images/b']) await rename(join(folder, key), join(folder, '~deleting', key))

    const second = createFileBlobStore({ folder })
    expect(await second.get('images/a')).toEqual(bytesOf('old'))
    await second.put('images/b', bytesOf('new'))
    await second.close()

    const third = createFileBlobStore({ folder })
    const keys: string[] = []
    for await (const { key } of third.list('')) keys.push(key)
    expect(keys.sort()).toEqual(['images/a', 'images/b'])
    expect(await third.get('images/b')).toEqual(bytesOf('new'))
    await third.delete('images/a')
    expect(await third.get('images/a')).toBeNull()
    await third.close()
  })
})
