import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { parquetSource } from '../../../src/producers/formats/parquet.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { pictureOf, readAll } from '../reading.ts'

type Columns = Parameters<typeof parquetWriteBuffer>[0]['columnData']
type Schema = NonNullable<Parameters<typeof parquetWriteBuffer>[0]['schema']>

const imageSchema: Schema = [
  { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
  { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
  { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
]
const text = (name: string): Schema => [
  { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
]
const texts = (name: string): Schema => [
  { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
]

async function write(path: string, schema: Schema, columnData: Columns, rowGroupSize = 2): Promise<void> {
  const root = { name: 'root', num_children: columnData.length }
  await writeFile(path, Buffer.from(parquetWriteBuffer({ schema: [root, ...schema], columnData, rowGroupSize })))
}

describe('parquetSource', () => {
  it('reads the layout of Hugging Face: pictures as structs, captions as texts or lists, the rest as metadata', async () => {
    const folder = await temporaryFolder()
    const pictures = await Promise.all(['red', 'green', 'blue'].map(pictureOf))
    await write(
      join(folder, 'train-00000-of-00001.parquet'),
      [
        ...imageSchema,
        ...text('caption'),
        ...texts('sentences'),
        { name: 'height', type: 'INT64', repetition_type: 'OPTIONAL' },
      ],
      [
        { name: 'image', data: pictures.map((bytes, index) => ({ bytes, path: `${index}.jpg` })) },
        { name: 'caption', data: ['one', null, 'three'] },
        { name: 'sentences', data: [['uno', 'eins'], ['zwei'], []] },
        { name: 'height', data: [16n, null, 18n] },
      ],
    )
    const { entries, faults } = await readAll(parquetSource(folder))
    expect(faults).toEqual([])
    expect(entries.map(({ imageName, caption, split, metadata }) => [imageName, caption, split, metadata])).toEqual([
      ['0.jpg', 'one', 'train', { height: '16' }],
      ['0.jpg', 'uno', 'train', { height: '16' }],
      ['0.jpg', 'eins', 'train', { height: '16' }],
      ['1.jpg', 'zwei', 'train', {}],
      ['2.jpg', 'three', 'train', { height: '18' }],
    ])
    expect(entries[0]?.image).toBe(entries[2]?.image)
    expect(Buffer.from((await entries[3]?.image()) ?? [])).toEqual(pictures[1])
  })

  it('reads binary columns, numbered captions and a column of splits', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'pairs.parquet')
    const red = await pictureOf('red')
    await write(
      path,
      [
        { name: 'image', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        ...['caption_0', 'caption_1', 'split'].flatMap(text),
      ],
      [
        { name: 'image', data: [red, null, red] },
        { name: 'caption_0', data: ['a', 'b', 'c'] },
        { name: 'caption_1', data: ['d', 'e', 'f'] },
        { name: 'split', data: ['test', 'test', 'moon'] },
      ],
    )
    const { entries, faults } = await readAll(parquetSource(path))
    expect(entries.map(({ caption, split }) => [caption, split])).toEqual([
      ['a', 'test'],
      ['d', 'test'],
    ])
    expect(faults.map(({ source, code }) => `${source} ${code}`)).toEqual([
      'pairs.parquet:1 source-entry-invalid',
      'pairs.parquet:2 split-unknown',
    ])
  })

  it('reports files that are damaged or hold no pictures', async () => {
    const folder = await temporaryFolder()
    await write(join(folder, 'a.parquet'), text('caption'), [{ name: 'caption', data: ['one'] }])
    await writeFile(join(folder, 'b.parquet'), 'PAR1 but nothing more')
    await write(join(folder, 'c.parquet'), text('caption'), [{ name: 'caption', data: ['one'] }])
    await truncate(join(folder, 'c.parquet'), 40)
    const { entries, faults } = await readAll(parquetSource(folder))
    expect(entries).toEqual([])
    expect(faults.map(({ source, code }) => `${source} ${code}`)).toEqual([
      'a.parquet source-entry-invalid',
      'b.parquet source-entry-invalid',
      'c.parquet source-entry-invalid',
    ])
  })

  it('loses only the row group that is damaged', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'a.parquet')
    const pictures = await Promise.all(['red', 'green', 'blue', 'white'].map(pictureOf))
    const root = { name: 'root', num_children: 2 }
    const bytes = Buffer.from(
      parquetWriteBuffer({
        schema: [root, ...imageSchema, ...text('caption')],
        columnData: [
          { name: 'image', data: pictures.map((picture) => ({ bytes: picture, path: null })) },
          { name: 'caption', data: ['a', 'b', 'c', 'd'] },
        ],
        rowGroupSize: 2,
      }),
    )
    bytes.fill(0xff, 4, 60)
    await writeFile(path, bytes)
    const { entries, faults } = await readAll(parquetSource(path))
    expect(faults.map(({ source, code }) => `${source} ${code}`)).toEqual(['a.parquet:0 source-entry-invalid'])
    expect(entries.map(({ caption }) => caption)).toEqual(['c', 'd'])
  })
})
