import { execFile } from 'node:child_process'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFileBlobStore } from '../../../src/adapters/blob-store/files.ts'
import type { BlobStore } from '../../../src/ports/blob-store.ts'
import { blobStoreContract } from '../../contracts/blob-store.ts'
import { runScript } from '../../fixtures/child-process.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const run = promisify(execFile)

describe('file blob store', () => {
  blobStoreContract(async (folder) => createFileBlobStore({ folder }))
})

function openStore(folder: string, maxBytes?: number): BlobStore {
  const store = createFileBlobStore({ folder, ...(maxBytes === undefined ? {} : { maxBytes }) })
  onTestFinished(() => store.close())
  return store
}

/** Every path below the folder that is a file. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
}

/** Puts a blob from a process that may write no file larger than 2 MB. */
async function putWithSmallFiles(folder: string, bytes: number, key: string): Promise<string> {
  const script = join(import.meta.dirname, '../../fixtures/put-blob.ts')
  const limited = 'ulimit -f 4096; exec "$0" --import tsx "$@"'
  const { stdout } = await run('sh', ['-c', limited, process.execPath, script, folder, String(bytes), key])
  return stdout.trim()
}

/** A file system of 1 MB, or null where this process may not mount one. */
async function smallFileSystem(): Promise<string | null> {
  const folder = await temporaryFolder()
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  } catch {
    return null
  }
  onTestFinished(async () => {
    await run('umount', [folder])
  })
  return folder
}

describe('a full disk', () => {
  it('is reported as storage-full, leaves the old blob whole and nothing unfinished', async () => {
    const folder = await temporaryFolder()
    expect(await putWithSmallFiles(folder, 1_000, 'a/blob')).toBe('done')
    expect(await putWithSmallFiles(folder, 8_000_000, 'a/blob')).toBe('storage-full')
    expect(await putWithSmallFiles(folder, 8_000_000, 'a/other')).toBe('storage-full')
    expect(await filesBelow(folder)).toEqual(['blob'])
    expect(await openStore(folder).get('a/blob')).toEqual(new Uint8Array(1_000).fill(1))

    const small = await smallFileSystem()
    if (small === null) return
    const store = openStore(small)
    await store.put('a/blob', new Uint8Array(1_000).fill(1))
    await expect(store.put('a/blob', new Uint8Array(2_000_000))).rejects.toMatchObject({ code: 'storage-full' })
    expect(await store.get('a/blob')).toEqual(new Uint8Array(1_000).fill(1))
    expect(await filesBelow(small)).toEqual(['blob'])
    await store.put('a/other', new Uint8Array(1_000))
  })

  it('is imitated by a quota, also for puts side by side', async () => {
    const store = openStore(await temporaryFolder(), 1_000)
    const puts = Array.from({ length: 5 }, (_, index) => store.put(`blob-${index}`, new Uint8Array(400)))
    const outcomes = await Promise.allSettled(puts)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'storage-full' })
    }
    for (let index = 0; index < 5; index++) await store.delete(`blob-${index}`)
    await store.put('again', new Uint8Array(900))
    await store.put('again', new Uint8Array(1_000))
  })
})

describe('files of the store', () => {
  it('are cleared of what a crash left unfinished an hour ago, and keep what is being written', async () => {
    const folder = await temporaryFolder()
    const unfinished = join(folder, '~unfinished')
    await mkdir(unfinished)
    await writeFile(join(unfinished, 'old'), 'x')
    await writeFile(join(unfinished, 'new'), 'x')
    const longAgo = new Date(Date.now() - 2 * 3_600_000)
    await utimes(join(unfinished, 'old'), longAgo, longAgo)
    const store = createFileBlobStore({ folder })
    const keys: string[] = []
    for await (const { key } of store.list('')) keys.push(key)
    await store.close()
    expect(keys).toEqual([])
    expect(await readdir(unfinished)).toEqual(['new'])
  })

  it('refuse a key that is the beginning of the path of another, or goes through a blob', async () => {
    const store = openStore(await temporaryFolder())
    await store.put('a/b', new Uint8Array(1))
    await expect(store.put('a', new Uint8Array(1))).rejects.toMatchObject({ code: 'invalid-request' })
    await expect(store.put('a/b/c', new Uint8Array(1))).rejects.toMatchObject({ code: 'invalid-request' })
    expect(await store.get('a/b')).toEqual(new Uint8Array(1))
  })

  it('are unavailable, not lost, while their folder cannot be a folder', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'file'), 'x')
    const store = openStore(join(folder, 'file', 'blobs'))
    await expect(store.put('a', new Uint8Array(1))).rejects.toMatchObject({ code: 'blob-store-unavailable' })
  })

  it('are whole after SIGKILL: a put that was not acknowledged shows the old blob or the new', async () => {
    const folder = await temporaryFolder()
    const store = openStore(folder)
    await store.put('blob', new Uint8Array(10))
    for (let round = 0; round < 5; round++) {
      const known = await unfinishedNames(folder)
      const script = runScript('put-blob.ts', folder, '20000000', 'blob')
      const ended = new AbortController()
      void script.ended.then(() => ended.abort())
      const isWriting = async (): Promise<boolean> =>
        (await unfinishedNames(folder)).some((name) => !known.includes(name))
      // A put may be over before it is seen; then there was nothing to interrupt in this round.
      while (!(await isWriting()) && !ended.signal.aborted) await yieldToOthers()
      script.process.kill('SIGKILL')
      await script.ended
      expect([10, 20_000_000]).toContain((await store.get('blob'))?.length)
    }
  })
})

const unfinishedNames = (folder: string): Promise<string[]> => readdir(join(folder, '~unfinished'))
