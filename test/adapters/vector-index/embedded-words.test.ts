import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/sqlite/database.ts'
import { clusteredVectors, pointIdOf, pointOf, removalsOf } from '../../fixtures/points.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { openIndex } from './filled-folder.ts'

const draw = clusteredVectors(1, 16, 3)
const caption = (number: number, text: string) => pointOf(number, draw(), { captions: [text] })

/** Those of the words that are anywhere in the files of a folder. */
function wordsIn(folder: string, ...words: readonly string[]): string[] {
  const content = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'))
  return words.filter((word) => content.some((text) => text.includes(word)))
}

/** A folder whose database is as one of an earlier version: it has points and no words. */
async function folderWithoutWords(captions: number): Promise<string> {
  const folder = await temporaryFolder()
  const index = openIndex(folder)
  for (const generation of ['g1', 'g2']) await index.create(generation, 16)
  await index.upsert(
    'g1',
    'captions',
    Array.from({ length: captions }, (_, number) => caption(number, `caption ${number} of a Café`)),
  )
  await index.upsert('g1', 'images', [caption(9_000, 'a zebra')])
  await index.upsert('g2', 'captions', [caption(9_001, 'a zebra')])
  await index.close()
  const database = openDatabase(join(folder, 'vectors.db'))
  database.exec('DROP TABLE caption_words')
  database.close()
  return folder
}

describe('the words of the embedded index', () => {
  it('are made at the first start where an earlier version had none', async () => {
    const folder = await folderWithoutWords(2_345)
    expect(() => openIndex(folder, { writable: false })).toThrow(/no index of this version/)
    const index = openIndex(folder)
    expect(await index.searchWords('g1', { words: 'cafe', limit: 9_999 })).toHaveLength(2_345)
    const [hit, ...others] = await index.searchWords('g1', { words: '1234 zebra', limit: 5 })
    expect(hit).toMatchObject({ id: pointIdOf(1_234), payload: { captions: ['caption 1234 of a Café'] } })
    expect(others).toEqual([])
    await index.remove('g1', 'captions', removalsOf([pointIdOf(1_234)]))
    expect(await index.searchWords('g1', { words: '1234', limit: 5 })).toEqual([])
    expect(await index.searchWords('g2', { words: 'zebra', limit: 5 })).toHaveLength(1)
  })

  it('leave the files with the caption, and with the generation', async () => {
    const folder = await temporaryFolder()
    const index = openIndex(folder)
    for (const generation of ['g1', 'g2']) await index.create(generation, 16)
    const captions = Array.from({ length: 600 }, (_, number) => caption(number, `dog number${number}`))
    await index.upsert('g1', 'captions', [...captions, caption(9_000, 'xylophonist'), caption(9_001, 'quetzalcoatlus')])
    await index.upsert('g2', 'captions', [...captions, caption(9_002, 'zwitterion')])
    expect(wordsIn(folder, 'xylophon', 'quetzalcoatlu', 'zwitterion')).toHaveLength(3)
    await index.remove('g1', 'captions', removalsOf([pointIdOf(9_000)]))
    await index.upsert('g1', 'captions', [caption(9_001, 'a sparrow')])
    await index.drop('g2')
    expect(await index.searchWords('g1', { words: 'dog', limit: 9_999 })).toHaveLength(600)
    await index.close()
    const database = openDatabase(join(folder, 'vectors.db'))
    database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
    expect(wordsIn(folder, 'sparrow', 'xylophon', 'quetzalcoatlu', 'zwitterion')).toEqual(['sparrow'])
    expect(database.prepare('SELECT count(*) AS count FROM caption_words').get()).toEqual({ count: 601 })
    database.exec("INSERT INTO caption_words (caption_words) VALUES ('integrity-check')")
    database.close()
  })

  it('are seen by a process that reads along', async () => {
    const folder = await temporaryFolder()
    const writer = openIndex(folder)
    await writer.create('g1', 16)
    await writer.upsert('g1', 'captions', [caption(1, 'a dog')])
    const reader = openIndex(folder, { writable: false })
    expect(await reader.searchWords('g1', { words: 'dogs', limit: 5 })).toHaveLength(1)
    await writer.upsert('g1', 'captions', [caption(2, 'two dogs')])
    expect(await reader.searchWords('g1', { words: 'dogs', limit: 5 })).toHaveLength(2)
    await reader.close()
    await expect(reader.searchWords('g1', { words: 'dogs', limit: 5 })).rejects.toMatchObject({
      code: 'index-unavailable',
    })
  })
})
