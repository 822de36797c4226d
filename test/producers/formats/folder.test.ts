import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { folderSource } from '../../../src/producers/formats/folder.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { pictureOf, readAll } from '../reading.ts'

describe('folderSource', () => {
  it('reads captions beside the pictures, one a line, in folders below as well', async () => {
    const folder = await temporaryFolder()
    const red = await pictureOf('red')
    await writeFile(join(folder, 'a.jpg'), red)
    await writeFile(join(folder, 'a.txt'), 'a red card\n\n  something red \n')
    await mkdir(join(folder, 'more/.hidden'), { recursive: true })
    await writeFile(join(folder, 'more/b.PNG'), await pictureOf('blue'))
    await writeFile(join(folder, 'more/b.caption'), 'a blue card')
    await writeFile(join(folder, 'more/c.webp'), 'not yet looked at')
    await writeFile(join(folder, 'more/.hidden/d.jpg'), red)
    await writeFile(join(folder, 'notes.md'), 'no picture')
    await symlink('..', join(folder, 'more/circle'))

    const { entries, faults } = await readAll(folderSource(folder))
    expect(faults).toEqual([])
    expect(entries.map(({ imageName, caption }) => [imageName, caption])).toEqual([
      ['a.jpg', 'a red card'],
      ['a.jpg', '  something red '],
      ['more/b.PNG', 'a blue card'],
      ['more/c.webp', null],
    ])
    expect(entries[0]?.source).toBe('folder:a.jpg')
    expect(entries[0]?.image).toBe(entries[1]?.image)
    expect(await entries[0]?.image()).toEqual(red)
    // One read for all captions of a picture.
    expect(entries[0]?.image()).toBe(entries[1]?.image())
  })

  it('takes an empty text file for an empty caption and reports lines that are not UTF-8', async () => {
    const folder = await temporaryFolder()
    for (const name of ['a', 'b']) await writeFile(join(folder, `${name}.jpg`), await pictureOf('red'))
    await writeFile(join(folder, 'a.txt'), '\n')
    await writeFile(join(folder, 'b.txt'), Buffer.from([0x6f, 0x6b, 0x0a, 0xc3, 0x28, 0x0a]))

    const { entries, faults } = await readAll(folderSource(folder))
    expect(entries.map(({ caption }) => caption)).toEqual(['', 'ok'])
    expect(faults).toEqual([expect.objectContaining({ source: 'folder:b.jpg:2', code: 'text-not-utf8' })])
  })

  it('names a picture that is gone when it is read', async () => {
    const folder = await temporaryFolder()
    await symlink('nowhere.jpg', join(folder, 'a.jpg'))
    const { entries } = await readAll(folderSource(folder))
    await expect(entries[0]?.image()).rejects.toMatchObject({ code: 'source-entry-invalid' })
  })
})
