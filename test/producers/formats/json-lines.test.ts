import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonLinesSource } from '../../../src/producers/formats/json-lines.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { pictureOf, readAll } from '../reading.ts'

describe('jsonLinesSource', () => {
  it('reads captions, splits, subjects and metadata', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'a.jpg'), await pictureOf('red'))
    const path = join(folder, 'pairs.jsonl')
    const records = [
      { image: 'a.jpg', caption: 'one', split: 'val', id: 7, weight: 0.5, tags: ['x'], gone: null },
      { image: 'a.jpg', captions: ['two', 'three'], subject: 'person-1' },
      { file_name: 'a.jpg', text: 'four' },
      { image: 'a.jpg' },
    ]
    await writeFile(path, records.map((record) => JSON.stringify(record)).join('\r\n'))

    const { entries, faults } = await readAll(jsonLinesSource([path]))
    expect(faults).toEqual([])
    expect(entries.map(({ caption, split, subject }) => [caption, split, subject])).toEqual([
      ['one', 'validation', null],
      ['two', null, 'person-1'],
      ['three', null, 'person-1'],
      ['four', null, null],
      [null, null, null],
    ])
    expect(entries[0]?.metadata).toEqual({ id: '7', weight: '0.5', tags: '["x"]' })
    expect(entries[0]?.source).toBe('pairs.jsonl:7')
    expect((await entries[0]?.image())?.length).toBeGreaterThan(100)
  })

  it('takes the split from the name of the file where the record has none', async () => {
    const folder = await temporaryFolder()
    await writeFile(
      join(folder, 'test.jsonl'),
      '{"image":"a.jpg","caption":"one"}\n{"image":"a.jpg","caption":"two","split":"train"}',
    )
    const { entries } = await readAll(jsonLinesSource([join(folder, 'test.jsonl')]))
    expect(entries.map(({ split }) => split)).toEqual(['test', 'train'])
  })

  it('reports each bad line by its number and goes on', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'pairs.jsonl')
    const lines = [
      'not JSON',
      '[1]',
      '{"caption":"no picture"}',
      '{"image":"../a.jpg","caption":"out"}',
      '{"image":"a/../../b.jpg","caption":"out"}',
      '{"image":"a.jpg","caption":7}',
      '{"image":"a.jpg","captions":["x",7]}',
      '{"image":"a.jpg","caption":"x","split":"moon"}',
      '{"image":"a.jpg","caption":"good"}',
    ]
    await writeFile(path, Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), Buffer.from([0x7b, 0xff, 0x7d])]))
    const { entries, faults } = await readAll(jsonLinesSource([path]))
    expect(entries.map(({ caption }) => caption)).toEqual(['good'])
    expect(faults.map(({ source, code }) => `${source} ${code}`)).toEqual([
      'pairs.jsonl:1 source-entry-invalid',
      'pairs.jsonl:2 source-entry-invalid',
      'pairs.jsonl:3 source-entry-invalid',
      'pairs.jsonl:4 source-entry-unsafe',
      'pairs.jsonl:5 source-entry-unsafe',
      'pairs.jsonl:6 source-entry-invalid',
      'pairs.jsonl:7 source-entry-invalid',
      'pairs.jsonl:8 split-unknown',
      'pairs.jsonl:10 text-not-utf8',
    ])
  })

  it('never throws for any content, and reads the good line after it', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'any.jsonl')
    const field = fc.constantFrom('image', 'caption', 'captions', 'split', 'subject', 'id', 'text', '__proto__')
    const almost = fc.dictionary(field, fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.string({ unit: 'binary' })))
    const text = fc.oneof(
      fc.json({ maxDepth: 2 }),
      almost.map((record) => JSON.stringify(record)),
      fc.string({ unit: 'binary' }),
    )
    const line = fc.oneof(
      text.map((found) => Buffer.from(found)),
      fc.uint8Array({ maxLength: 40 }),
    )
    const newline = Buffer.from('\n')
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
        const garbage = lines.flatMap((bytes) => [bytes, newline])
        await writeFile(path, Buffer.concat([...garbage, Buffer.from('{"image":"a.jpg","caption":"good"}')]))
        const { entries, faults } = await readAll(jsonLinesSource([path]))
        expect(entries.at(-1)?.caption).toBe('good')
        for (const { imageName } of entries) expect(imageName.split(/[/\\]/)).not.toContain('..')
        for (const { code } of faults) expect(code).not.toBe('internal')
      }),
    )
  })
})
