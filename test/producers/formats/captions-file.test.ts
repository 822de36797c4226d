import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { captionsFileSource } from '../../../src/producers/formats/captions-file.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { pictureOf, readAll } from '../reading.ts'

async function read(lines: readonly string[], name = 'captions.txt') {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'Images'))
  await writeFile(join(folder, 'Images/a.jpg'), await pictureOf('red'))
  await writeFile(join(folder, name), lines.join('\n'))
  return readAll(await captionsFileSource(join(folder, name)))
}

describe('captionsFileSource', () => {
  it('reads captions with commas, quoted and not', async () => {
    const { entries, faults } = await read([
      'image,caption',
      'a.jpg,A dog , a cat , and a bird .',
      'a.jpg,"A dog, a ""cat"", and a bird"',
      'a.jpg,"Stop" says the man , waving',
      'a.jpg,A man says "stop , now"',
      'a.jpg,"A caption',
      'of two lines"',
      '',
      'b.jpg,Plain',
    ])
    expect(faults).toEqual([])
    expect(entries.map(({ caption }) => caption)).toEqual([
      'A dog , a cat , and a bird .',
      'A dog, a "cat", and a bird',
      '"Stop" says the man , waving',
      'A man says "stop , now"',
      'A caption\nof two lines',
      'Plain',
    ])
    expect((await entries[0]?.image())?.length).toBeGreaterThan(100)
    await expect(entries.at(-1)?.image()).rejects.toMatchObject({ code: 'source-entry-invalid' })
  })

  it('does not lose what follows a quote that is never closed', async () => {
    const rest = Array.from({ length: 30 }, (_, index) => `a.jpg,Caption ${index}`)
    const { entries } = await read(['image,caption', 'a.jpg,"Oops', ...rest])
    expect(entries.map(({ caption }) => caption)).toEqual(['"Oops', ...rest.map((line) => line.slice(6))])
  })

  it('reads further columns as split and metadata', async () => {
    const { entries, faults } = await read(
      [
        '"image",caption,split,photographer',
        'a.jpg,"A dog, running",val,Ann',
        'a.jpg,A cat, sitting,train,Bob',
        'a.jpg,B,moon,C',
      ],
      'captions.csv',
    )
    expect(entries.map(({ caption, split, metadata }) => [caption, split, metadata])).toEqual([
      ['A dog, running', 'validation', { photographer: 'Ann' }],
    ])
    expect(faults.map(({ code }) => code)).toEqual(['source-entry-invalid', 'split-unknown'])
  })

  it('reports unsafe names and lines that are no records', async () => {
    const { entries, faults } = await read([
      'image,caption',
      '../a.jpg,A',
      '/etc/a.jpg,B',
      'C:\\a.jpg,C',
      'nothing',
      'a.jpg,D',
    ])
    expect(entries.map(({ caption }) => caption)).toEqual(['D'])
    expect(faults.map(({ code }) => code)).toEqual([
      'source-entry-unsafe',
      'source-entry-unsafe',
      'source-entry-unsafe',
      'source-entry-invalid',
    ])
  })
})
