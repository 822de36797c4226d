import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { emptyDataFolder } from '../../../src/commands/demo/empty-folder.ts'
import { lockFolder } from '../../../src/sqlite/folder-lock.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

it('empties a data folder, but never one that holds something else', async () => {
  const folder = await temporaryFolder()
  const data = join(folder, 'data')
  await emptyDataFolder(data)
  await mkdir(data)
  lockFolder(join(data, 'lock.db')).release()
  await writeFile(join(data, 'log.db'), 'old')
  await emptyDataFolder(data)
  expect(existsSync(data)).toBe(false)

  await writeFile(join(folder, 'thesis.txt'), 'precious')
  await expect(emptyDataFolder(folder)).rejects.toMatchObject({ code: 'configuration-invalid' })
  expect(existsSync(join(folder, 'thesis.txt'))).toBe(true)
})

it('leaves a folder alone that a process works on', async () => {
  const folder = await temporaryFolder()
  const lock = lockFolder(join(folder, 'lock.db'))
  await expect(emptyDataFolder(folder)).rejects.toMatchObject({ code: 'data-folder-locked' })
  lock.release()
})
