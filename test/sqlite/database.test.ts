import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openDatabase } from '../../src/sqlite/database.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

it('keeps the statements that are used, and forgets those that were not used for longest', async () => {
  const database = openDatabase(join(await temporaryFolder(), 'some.db'))
  onTestFinished(() => database.close())
  const used = database.prepare('SELECT 1')
  const unused = database.prepare('SELECT 2')
  for (let i = 0; i < 600; i++) {
    database.prepare(`SELECT ${i} AS n`)
    expect(database.prepare('SELECT 1')).toBe(used)
  }
  expect(database.prepare('SELECT 2')).not.toBe(unused)
  expect(unused.get()).toEqual({ 2: 2 }) // whoever still holds it can go on using it
})
