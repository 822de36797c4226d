import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { flickr8kSource } from '../../../src/producers/formats/flickr8k.ts'
import { flickr8kFolder } from '../../fixtures/flickr8k-folder.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { pictureOf, readAll } from '../reading.ts'

describe('flickr8kSource', () => {
  it('reads the original layout', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'Flicker8k_Dataset'))
    for (const name of ['a', 'b', 'c', 'd']) {
      await writeFile(join(folder, 'Flicker8k_Dataset', `${name}.jpg`), await pictureOf('red'))
    }
    const captions = [
      'a.jpg#0\tOne , two .',
      'a.jpg#1\tThree',
      'b.jpg#0\tFour',
      'no tab',
      '../c.jpg#0\tFive',
      'd.jpg#0\tSix',
    ]
    await writeFile(join(folder, 'Flickr8k.token.txt'), captions.join('\n'))
    await writeFile(join(folder, 'Flickr_8k.trainImages.txt'), 'a.jpg\nd.jpg\n')
    await writeFile(join(folder, 'Flickr_8k.devImages.txt'), 'b.jpg\n')
    await writeFile(join(folder, 'Flickr_8k.testImages.txt'), 'd.jpg\n')

    const { entries, faults } = await readAll(await flickr8kSource(folder))
    expect(entries.map(({ imageName, caption, split }) => [imageName, caption, split])).toEqual([
      ['a.jpg', 'One , two .', 'train'],
      ['a.jpg', 'Three', 'train'],
      ['b.jpg', 'Four', 'validation'],
      ['d.jpg', 'Six', 'validation'], // in two lists
    ])
    expect(entries[0]?.source).toBe('flickr8k:a.jpg')
    expect(faults.map(({ source, code }) => [source, code])).toEqual([
      ['flickr8k:Flickr8k.token.txt:4', 'source-entry-invalid'],
      ['flickr8k:Flickr8k.token.txt:5', 'source-entry-unsafe'],
    ])
    expect((await entries[0]?.image())?.length).toBeGreaterThan(100)
  })

  it('reads all of a data set: each picture with five captions, and the split of each', async () => {
    const { folder, train, validation } = await flickr8kFolder()
    const source = await flickr8kSource(folder)
    const { entries, faults } = await readAll(source)
    expect(faults).toEqual([])
    expect(source.total).toBe(5 * (train + validation))
    expect(entries).toHaveLength(5 * (train + validation))
    const pictures = (split: string): number =>
      new Set(entries.filter((entry) => entry.split === split).map(({ imageName }) => imageName)).size
    expect([pictures('train'), pictures('validation'), pictures('test')]).toEqual([train, validation, 0])
    expect(await entries.at(-1)?.image()).toBeInstanceOf(Uint8Array)
  })
})
