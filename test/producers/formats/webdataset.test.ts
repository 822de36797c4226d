import { createWriteStream } from 'node:fs'
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import { webdatasetSource } from '../../../src/producers/formats/webdataset.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { pictureOf, readAll } from '../reading.ts'

type File = readonly [name: string, content: string | Buffer]

async function writeTar(path: string, files: readonly File[], links: readonly string[] = []): Promise<void> {
  const archive = pack()
  for (const name of links) archive.entry({ name, type: 'symlink', linkname: '/etc/hostname' })
  for (const [name, content] of files) archive.entry({ name }, content)
  archive.finalize()
  await pipeline(archive, createWriteStream(path))
}

describe('webdatasetSource', () => {
  it('reads samples by their key, with captions from .txt or .json', async () => {
    const folder = await temporaryFolder()
    const [red, blue] = [await pictureOf('red'), await pictureOf('blue')]
    await writeTar(join(folder, 'shard-000.tar'), [
      ['./0001.jpg', red],
      ['./0001.txt', 'one\ntwo\n'],
      ['./0001.json', '{"caption":"not this","id":"a1","split":"val","nested":{"x":1}}'],
      ['0002.cls', '5'],
      ['0002.json', '{"captions":["three"]}'],
      ['0002.png', blue],
      ['deep/v1.2.webp', red],
    ])
    await writeTar(join(folder, 'shard-001.tar'), [
      ['0003.jpeg', blue],
      ['0003.txt', 'four'],
    ])

    const { entries, faults } = await readAll(webdatasetSource(folder))
    expect(faults).toEqual([])
    expect(entries.map(({ imageName, caption, split }) => [imageName, caption, split])).toEqual([
      ['./0001.jpg', 'one', 'validation'],
      ['./0001.jpg', 'two', 'validation'],
      ['0002.png', 'three', null],
      ['deep/v1.2.webp', null, null],
      ['0003.jpeg', 'four', null],
    ])
    expect(entries[0]?.metadata).toEqual({ id: 'a1', nested: '{"x":1}' })
    expect(entries[0]?.image).toBe(entries[1]?.image)
    expect(Buffer.from((await entries[2]?.image()) ?? [])).toEqual(blue)
    expect(entries[4]?.source).toBe('shard-001.tar:0003')
  })

  it('reads gzipped archives', async () => {
    const folder = await temporaryFolder()
    await writeTar(join(folder, 'a.tar'), [
      ['1.jpg', await pictureOf('red')],
      ['1.txt', 'one'],
    ])
    await writeFile(join(folder, 'b.tar.gz'), gzipSync(await readFile(join(folder, 'a.tar'))))
    const { entries, faults } = await readAll(webdatasetSource(join(folder, 'b.tar.gz')))
    expect(entries.map(({ caption }) => caption)).toEqual(['one'])
    expect(faults).toEqual([])
  })

  it('refuses names that lead out of the archive and links, and goes on', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'a.tar')
    const red = await pictureOf('red')
    await writeTar(
      path,
      [
        ['../evil.jpg', red],
        ['a/../../evil.txt', 'x'],
        ['/etc/evil.jpg', red],
        ['1.jpg', red],
        ['1.txt', 'one'],
      ],
      ['link.jpg'],
    )
    const { entries, faults } = await readAll(webdatasetSource(path))
    expect(entries.map(({ caption }) => caption)).toEqual(['one'])
    expect(faults.map(({ code }) => code)).toEqual(Array(4).fill('source-entry-unsafe'))
  })

  it('reports samples that cannot be read', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'a.tar')
    const red = await pictureOf('red')
    await writeTar(path, [
      ['1.txt', 'no picture'],
      ['2.jpg', red],
      ['2.json', 'not JSON'],
      ['3.jpg', red],
      ['3.txt', Buffer.from([0xff, 0x0a, 0x61])],
      ['4.jpg', red],
      ['4.txt', 'x'.repeat(1_000_001)],
      ['5.jpg', red],
      ['5.txt', 'y'.repeat(100_000)],
    ])
    const { entries, faults } = await readAll(webdatasetSource(path))
    expect(entries.map(({ imageName, caption }) => [imageName, caption?.length])).toEqual([
      ['3.jpg', 1],
      ['4.jpg', undefined],
      ['5.jpg', 100_000],
    ])
    expect(faults.map(({ source, code }) => `${source} ${code}`)).toEqual([
      'a.tar:1 source-entry-invalid',
      'a.tar:2 source-entry-invalid',
      'a.tar:3:1 text-not-utf8',
      'a.tar:4.txt source-entry-invalid',
    ])
  })

  it('reports a truncated archive, leaves its last sample out, and reads the next archive', async () => {
    const folder = await temporaryFolder()
    const red = await pictureOf('red')
    const files: File[] = [
      ['1.jpg', red],
      ['1.txt', 'one'],
      ['2.jpg', red],
      ['2.txt', 'two'.repeat(1_000)],
    ]
    await writeTar(join(folder, 'a.tar'), files)
    await truncate(join(folder, 'a.tar'), 512 * 8)
    await writeFile(join(folder, 'b.tar'), 'this is no archive at all '.repeat(100))
    await writeTar(join(folder, 'c.tar'), [
      ['3.jpg', red],
      ['3.txt', 'three'],
    ])
    await mkdir(join(folder, 'empty'))

    const { entries, faults } = await readAll(webdatasetSource(folder))
    expect(entries.map(({ caption }) => caption)).toEqual(['one', 'three'])
    expect(faults.map(({ source, code }) => `${source} ${code}`)).toEqual([
      'a.tar:2 source-entry-invalid',
      'b.tar source-entry-invalid',
    ])
  })

  it('can be left in the middle', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'a.tar')
    const red = await pictureOf('red')
    await writeTar(
      path,
      Array.from({ length: 50 }, (_, index): File => [`${index}.jpg`, red]),
    )
    for await (const item of webdatasetSource(path).entries()) {
      expect(item).toMatchObject({ imageName: '0.jpg' })
      break
    }
  })
})
