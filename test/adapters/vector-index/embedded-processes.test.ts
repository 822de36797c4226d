import { randomInt } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { runScript } from '../../fixtures/child-process.ts'
import { pointIdOf, pointOf, randomVector, removalsOf, seededRandom } from '../../fixtures/points.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { filledFolder, graphFile, openIndex, recallOf } from './filled-folder.ts'

describe('an embedded index that may not write', () => {
  it('sees what the writer commits later, and changes no file', async () => {
    const { folder, draw } = await filledFolder(600)
    const writer = openIndex(folder)
    const reader = openIndex(folder, { writable: false })
    const vector = draw()
    const query = { vector, limit: 5 }
    expect(await reader.search('g1', 'images', query)).toEqual(await writer.search('g1', 'images', query))
    const file = await stat(graphFile(folder))

    await writer.upsert('g1', 'images', [pointOf(5_000, vector)])
    expect((await reader.search('g1', 'images', query))[0]?.id).toBe(pointIdOf(5_000))
    await writer.remove('g1', 'images', removalsOf([pointIdOf(5_000)]))
    const without = await reader.search('g1', 'images', query)
    expect(without.map(({ id }) => id)).not.toContain(pointIdOf(5_000))
    expect(without).toHaveLength(5)
    await writer.upsert(
      'g1',
      'images',
      Array.from({ length: 40 }, (_, more) => pointOf(1_000 + more, draw())),
    )
    expect(await recallOf(reader, draw)).toBeGreaterThanOrEqual(0.98)
    expect(await reader.search('g1', 'images', { vector, limit: 700 })).toHaveLength(640)
    await reader.close()
    expect((await stat(graphFile(folder))).ino).toBe(file.ino)
  })

  it('follows the writer to the end of a generation', async () => {
    const { folder, draw } = await filledFolder(100)
    const writer = openIndex(folder)
    const reader = openIndex(folder, { writable: false })
    const query = { vector: draw(), limit: 5 }
    expect(await reader.search('g1', 'images', query)).toHaveLength(5)
    await writer.drop('g1')
    await expect(reader.search('g1', 'images', query)).rejects.toMatchObject({ code: 'generation-not-found' })
    await writer.create('g1', 16)
    expect(await reader.search('g1', 'images', query)).toEqual([])
  })

  it('refuses to write, and to open what is not there', async () => {
    const { folder, draw } = await filledFolder(10)
    const unavailable = { code: 'index-unavailable' }
    const reader = openIndex(folder, { writable: false })
    await expect(reader.upsert('g1', 'images', [pointOf(1, draw())])).rejects.toMatchObject(unavailable)
    await expect(reader.remove('g1', 'images', removalsOf([pointIdOf(1)]))).rejects.toMatchObject(unavailable)
    await expect(reader.create('g2', 16)).rejects.toMatchObject(unavailable)
    await expect(reader.drop('g1')).rejects.toMatchObject(unavailable)
    await expect(reader.serve('g1')).rejects.toMatchObject(unavailable)
    const empty = await temporaryFolder()
    expect(() => openIndex(empty, { writable: false })).toThrow(expect.objectContaining(unavailable) as Error)
    expect(await readdir(empty)).toEqual([])
  })
})

describe('the embedded index after SIGKILL', () => {
  it('has every acknowledged point exactly once', async () => {
    const folder = await temporaryFolder()
    const acknowledged = new Set<number>()
    for (let round = 0; round < 5; round++) {
      const script = runScript('upsert-until-killed.ts', folder, String(round * 100_000))
      await script.printed(randomInt(1, 60))
      script.process.kill('SIGKILL')
      await script.ended
      for (const line of script.lines) for (const number of JSON.parse(line) as number[]) acknowledged.add(number)

      const index = openIndex(folder)
      const ids: string[] = []
      for await (const id of index.ids('g1', 'images')) ids.push(id)
      expect(new Set(ids).size).toBe(ids.length)
      for (const number of acknowledged) expect(ids).toContain(pointIdOf(number))
      const [stored] = await index.points('g1', 'images', [pointIdOf(0)])
      const hits = await index.search('g1', 'images', {
        vector: stored?.vector ?? new Float32Array(8),
        limit: ids.length,
        exact: true,
      })
      expect(hits.map(({ id }) => id).sort()).toEqual(ids.sort())
      await index.close()
    }
    expect(acknowledged.size).toBeGreaterThan(10)
  })
})

describe('the embedded index on a full disk', () => {
  it('says storage-full, keeps what it acknowledged, and goes on once there is room', async () => {
    const folder = await temporaryFolder()
    const index = openIndex(folder, { maxBytes: 300_000 })
    await index.create('g1', 64)
    const random = seededRandom(1)
    const point = (number: number) => pointOf(number, randomVector(random, 64))
    let acknowledged = 0
    const fill = async (): Promise<void> => {
      for (; ; acknowledged++) await index.upsert('g1', 'images', [point(acknowledged)])
    }
    await expect(fill()).rejects.toMatchObject({ code: 'storage-full' })
    expect(acknowledged).toBeGreaterThan(50)
    const query = { vector: randomVector(random, 64), limit: 10_000 }
    expect(await index.search('g1', 'images', query)).toHaveLength(acknowledged)
    const removed = Array.from({ length: 40 }, (_, number) => pointIdOf(number))
    await index.remove('g1', 'images', removalsOf(removed))
    await index.upsert('g1', 'images', [point(1), point(2)])
    expect(await index.search('g1', 'images', query)).toHaveLength(acknowledged - 38)
    await index.close()
    const restarted = openIndex(folder)
    expect(await restarted.search('g1', 'images', query)).toHaveLength(acknowledged - 38)
  })
})
