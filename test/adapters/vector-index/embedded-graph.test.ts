import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pointIdOf, pointOf, removalsOf } from '../../fixtures/points.ts'
import { filledFolder, graphFile, openIndex, recallOf } from './filled-folder.ts'

describe('the graph of the embedded index', () => {
  it('is loaded from its file, not built again, when nothing has changed', async () => {
    const { folder, draw } = await filledFolder(600)
    const before = await stat(graphFile(folder))
    const index = openIndex(folder)
    expect(await recallOf(index, draw)).toBeGreaterThanOrEqual(0.98)
    await index.settled()
    await index.close()
    expect((await stat(graphFile(folder))).ino).toBe(before.ino)
  })

  it.each([
    ['missing', (path: string) => rm(path)],
    ['empty', (path: string) => writeFile(path, '')],
    [
      'damaged',
      async (path: string) => {
        const bytes = await readFile(path)
        bytes.fill(0xff, bytes.length >> 1, (bytes.length >> 1) + 64)
        await writeFile(path, bytes)
      },
    ],
    ['cut short', async (path: string) => writeFile(path, (await readFile(path)).subarray(0, 1_000))],
  ])('is built again when its file is %s', async (_, harm) => {
    const { folder, draw } = await filledFolder(600)
    const { size } = await stat(graphFile(folder))
    await harm(graphFile(folder))
    const index = openIndex(folder)
    expect(await recallOf(index, draw)).toBeGreaterThanOrEqual(0.98)
    await index.settled()
    expect(await recallOf(index, draw)).toBeGreaterThanOrEqual(0.98)
    await index.close()
    expect((await stat(graphFile(folder))).size).toBe(size)
  })

  it('catches up with what was written after its file', async () => {
    const { folder, points, draw } = await filledFolder(600)
    const old = await readFile(graphFile(folder))
    const writer = openIndex(folder)
    await writer.upsert(
      'g1',
      'images',
      Array.from({ length: 5 }, (_, more) => pointOf(1_000 + more, draw())),
    )
    await writer.upsert('g1', 'images', [pointOf(0, draw())])
    await writer.remove('g1', 'images', removalsOf([pointIdOf(1), pointIdOf(2)]))
    await writer.close()
    expect(await readFile(graphFile(folder))).toEqual(old)

    const index = openIndex(folder)
    const hits = await index.search('g1', 'images', { vector: points[1]?.vector ?? draw(), limit: 60 })
    expect(hits.map(({ id }) => id)).not.toContain(pointIdOf(1))
    expect(await recallOf(index, draw)).toBeGreaterThanOrEqual(0.98)
    expect(await index.generations()).toMatchObject([{ counts: { images: 603 } }])
  })

  it('is made anew when many of its points are gone', async () => {
    const { folder, draw } = await filledFolder(600)
    const { size } = await stat(graphFile(folder))
    const index = openIndex(folder)
    await index.remove('g1', 'images', removalsOf(Array.from({ length: 400 }, (_, number) => pointIdOf(number))))
    await index.settled()
    expect(await recallOf(index, draw)).toBeGreaterThanOrEqual(0.98)
    await index.close()
    expect((await stat(graphFile(folder))).size).toBeLessThan(size / 2)
  })

  it('fills a filtered page, whether the filter lets half of the points through or one in a hundred', async () => {
    const { folder, draw } = await filledFolder(2_000)
    const index = openIndex(folder)
    const filters: Record<string, string[]>[] = [
      { parity: ['even'] },
      { rare: ['7'] },
      { parity: ['odd'], rare: ['7', '9', '11'] },
    ]
    for (const metadata of filters) {
      const query = { vector: draw(), limit: 20, filter: { metadata } }
      const exact = await index.search('g1', 'images', { ...query, exact: true })
      const near = await index.search('g1', 'images', query)
      expect(near).toHaveLength(20)
      expect(near.filter(({ id }) => exact.some((hit) => hit.id === id)).length).toBeGreaterThanOrEqual(19)
    }
  })

  it('cuts pages out of one ranking as deep as it reaches', async () => {
    const { folder, draw } = await filledFolder(600)
    const index = openIndex(folder)
    const vector = draw()
    const whole = await index.search('g1', 'images', { vector, limit: 64 })
    const halves = [
      ...(await index.search('g1', 'images', { vector, limit: 32 })),
      ...(await index.search('g1', 'images', { vector, limit: 32, offset: 32 })),
    ]
    expect(halves).toEqual(whole)
    expect(await index.search('g1', 'images', { vector, limit: 600 })).toHaveLength(600)
  })

  it('leaves with its generation, and strays of a crash are cleared at the next start', async () => {
    const { folder } = await filledFolder(600)
    const index = openIndex(folder)
    await index.drop('g1')
    await index.close()
    await writeFile(join(folder, 'g0.images.usearch'), 'left over')
    await writeFile(join(folder, 'g0.captions.usearch.tmp'), 'left over')
    openIndex(folder)
    expect((await readdir(folder)).filter((name) => name.includes('usearch'))).toEqual([])
  })
})
