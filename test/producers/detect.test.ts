import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openSource } from '../../src/producers/detect.ts'
import { flickr8kFolder } from '../fixtures/flickr8k-folder.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { pictureOf, readAll } from './reading.ts'

async function folderWith(...names: string[]): Promise<string> {
  const folder = await temporaryFolder()
  for (const name of names) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), name.startsWith('captions') ? 'image,caption\n' : await pictureOf('red'))
  }
  return folder
}

describe('openSource', () => {
  it.each([
    ['folder', ['deep/a.jpg']],
    ['captions-file', ['captions.txt', 'Images/a.jpg']],
    ['captions-file', ['captions.csv', 'a.jpg']],
    ['json-lines', ['metadata.jsonl', 'a.jpg']],
    ['webdataset', ['shard-0.tar', 'shard-1.tar']],
    ['parquet', ['data/train-0.parquet', 'README.md']],
    ['flickr8k', ['Flickr8k.token.txt', 'Images/a.jpg']],
  ])('knows a folder as %s by %j', async (format, names) => {
    expect((await openSource(await folderWith(...names))).format).toBe(format)
  })

  it.each([
    ['folder', 'a.jpg'],
    ['captions-file', 'captions.txt'],
    ['json-lines', 'pairs.jsonl'],
    ['webdataset', 'shard.tar.gz'],
    ['parquet', 'data.parquet'],
    ['flickr8k', 'Flickr8k.token.txt'],
  ])('knows a file as %s by the name %s', async (format, name) => {
    expect((await openSource(join(await folderWith(name), name))).format).toBe(format)
  })

  it('takes the format that is named', async () => {
    const folder = await folderWith('metadata.jsonl', 'a.jpg')
    expect((await openSource(folder, { format: 'folder' })).format).toBe('folder')
    await expect(openSource(folder, { format: 'parquet' })).rejects.toMatchObject({ code: 'source-unrecognised' })
    await expect(openSource(folder, { format: 'excel' })).rejects.toMatchObject({ code: 'source-unrecognised' })
  })

  it('says what it knows where it finds nothing, or nothing it knows', async () => {
    const folder = await folderWith('README.md')
    await expect(openSource(folder)).rejects.toMatchObject({
      code: 'source-unrecognised',
      message: expect.stringContaining('webdataset') as string,
    })
    await expect(openSource(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'source-not-found' })
  })

  it('ends with a fault where the source goes away', async () => {
    const folder = await folderWith('a.jpg', 'pairs.jsonl')
    const source = await openSource(folder, { format: 'json-lines' })
    await rm(join(folder, 'pairs.jsonl'))
    expect((await readAll(source)).faults).toEqual([expect.objectContaining({ code: 'source-entry-invalid' })])
  })

  it('takes the entries of one split', async () => {
    const { folder, validation } = await flickr8kFolder()
    const source = await openSource(folder, { split: 'validation' })
    const { entries } = await readAll(source)
    expect(entries).toHaveLength(5 * validation)
    expect(new Set(entries.map(({ split }) => split))).toEqual(new Set(['validation']))
    expect((await readAll(await openSource(await folderWith('a.jpg'), { split: 'test' }))).entries[0]?.split).toBe(
      'test',
    )
  })
})
