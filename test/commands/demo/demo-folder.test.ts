import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { prepareDemoFolder } from '../../../src/commands/demo/demo-folder.ts'
import { openPlatform } from '../../../src/bootstrap.ts'
import { loadConfig } from '../../../src/config.ts'
import { lockFolder } from '../../../src/sqlite/folder-lock.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

/** Opens everything there is in a data folder, and writes something into each part. */
async function used(folder: string): Promise<void> {
  const platform = await openPlatform(loadConfig({}, { DATA_DIR: folder }), 'own')
  await platform.blobs.put('images/one', new Uint8Array([1]))
  await platform.close()
  for (const name of ['backbone', 'features', 'models', 'training']) {
    await mkdir(join(folder, name), { recursive: true })
    await writeFile(join(folder, name, 'file'), 'old')
  }
}

const refused = { code: 'configuration-invalid', message: expect.stringContaining('--data') as string }

it('empties the folder of an earlier demo, again and again, but for what is not its own', async () => {
  const folder = join(await temporaryFolder(), 'new', 'data')
  for (let demo = 1; demo <= 3; demo++) {
    await prepareDemoFolder(folder)
    const own = demo === 1 ? [] : ['lock.db', 'notes.txt']
    expect((await readdir(folder)).filter((name) => !name.startsWith('lock.db-')).sort()).toEqual(['demo.json', ...own])
    await used(folder)
    await writeFile(join(folder, 'notes.txt'), 'my own')
  }
})

it('says in the folder what made it, and how to keep it', async () => {
  const folder = join(await temporaryFolder(), 'data')
  await prepareDemoFolder(folder)
  expect(JSON.parse(await readFile(join(folder, 'demo.json'), 'utf8'))).toMatchObject({
    madeBy: 'pairstream demo',
    note: expect.stringContaining('Remove this file to keep') as string,
  })
})

it('leaves a folder alone that no demo made: data of a person, other files, a marker of something else', async () => {
  const folder = await temporaryFolder()
  const real = join(folder, 'real')
  await used(real)
  const before = await readdir(real, { recursive: true })
  await expect(prepareDemoFolder(real)).rejects.toMatchObject(refused)
  await writeFile(join(real, 'demo.json'), '{"madeBy":"somebody else"}')
  await expect(prepareDemoFolder(real)).rejects.toMatchObject(refused)
  expect((await readdir(real, { recursive: true })).sort()).toEqual([...before, 'demo.json'].sort())

  const file = join(folder, 'thesis.txt')
  await writeFile(file, 'precious')
  for (const path of [folder, file]) await expect(prepareDemoFolder(path)).rejects.toMatchObject(refused)
  expect(await readFile(file, 'utf8')).toBe('precious')
})

it('leaves a folder alone that a process works on', async () => {
  const folder = join(await temporaryFolder(), 'data')
  await prepareDemoFolder(folder)
  await used(folder)
  const before = await readdir(folder)
  const lock = lockFolder(join(folder, 'lock.db'))
  await expect(prepareDemoFolder(folder)).rejects.toMatchObject({ code: 'data-folder-locked' })
  lock.release()
  expect(await readdir(folder)).toEqual(before)
})
