import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { CHECKPOINT_FILE, STORED_CHECKPOINT_FILE } from '../../src/training/checkpoint.ts'
import { createStoredCheckpoints } from '../../src/training/stored-checkpoints.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

it('brings the stored checkpoint beside the one in the folder, and replaces it by what is saved after that only', async () => {
  const [blobs, folder] = [createFileBlobStore({ folder: await temporaryFolder() }), await temporaryFolder()]
  onTestFinished(() => blobs.close())
  const own = join(folder, CHECKPOINT_FILE)
  const failures: unknown[] = []
  const checkpoints = createStoredCheckpoints({ blobs, between: 0, onFailed: (error) => failures.push(error) })
  const checkpoint = checkpoints.of('m-1', folder)
  const keep = async (): Promise<string> => {
    checkpoint.keep()
    await checkpoint.settled(new AbortController().signal)
    return Buffer.from((await blobs.get('checkpoints/m-1')) ?? []).toString()
  }
  await checkpoint.fetch() // there is none
  await writeFile(own, 'of before')
  await blobs.put('checkpoints/m-1', Buffer.from('of another'))
  await checkpoint.fetch()
  expect(await readFile(own, 'utf8')).toBe('of before')
  expect(await readFile(join(folder, STORED_CHECKPOINT_FILE), 'utf8')).toBe('of another')
  expect(await keep()).toBe('of another')
  await writeFile(own, 'gone on')
  await utimes(own, 1, 1) // The clock of files may not have moved.
  expect(await keep()).toBe('gone on')
  expect(failures).toEqual([])
})
