import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createPredictor, loadDatabase, saveDatabase } from '../../src/library/index.ts'
import { assembleModelFolder } from '../../src/models/model-folder.ts'
import { photographs } from '../fixtures/photographs.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { writeTinyModel } from '../models/tiny-model.ts'

async function predictor(version = 'm-tiny') {
  const folder = join(await temporaryFolder(), 'model')
  const { backboneFolder } = await writeTinyModel(folder, version)
  await assembleModelFolder(folder, backboneFolder)
  const opened = await createPredictor(folder)
  onTestFinished(() => opened.close())
  return opened
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)

describe('predictor', () => {
  it('ranks pictures, from files and from bytes, by their similarity to a text', async () => {
    const { encodeText, encodeImages, rankImages, dimension } = await predictor()
    const pictures = await photographs(5)
    const path = join(await temporaryFolder(), 'picture.jpg')
    await writeFile(path, pictures[0] ?? '')
    const text = await encodeText('a red circle')
    expect(text).toHaveLength(dimension)
    const vectors = await encodeImages([path, ...pictures.slice(1)])
    const scores = vectors.map((vector) => dot(vector, text))
    const ranked = await rankImages('a red circle', [path, ...pictures.slice(1)])
    expect(ranked.map(({ index }) => index).toSorted()).toEqual([0, 1, 2, 3, 4])
    for (const [place, { index, score }] of ranked.entries()) {
      expect(score).toBeCloseTo(scores[index] ?? Number.NaN, 5)
      expect(score).toBeLessThanOrEqual(ranked[place - 1]?.score ?? 1)
    }
    expect((await encodeImages([pictures[0] ?? '']))[0]).toEqual(vectors[0])
  })

  it('builds a database from a stream, saves it, and finds in it what is most similar', async () => {
    const { buildDatabase, searchDatabase, rankImages } = await predictor()
    const pictures = await photographs(40)
    async function* stream() {
      for (const [i, picture] of pictures.entries()) yield [`picture ${i}`, picture] as const
    }
    const counts: number[] = []
    const built = await buildDatabase(stream(), (done) => counts.push(done))
    expect(counts).toEqual([32, 40])
    const path = join(await temporaryFolder(), 'pictures.safetensors')
    await saveDatabase(path, built)
    const database = await loadDatabase(path)
    expect(database).toEqual(built)
    const found = await searchDatabase(database, 'two blue squares', 3)
    const ranked = await rankImages('two blue squares', pictures)
    expect(found.map(({ id }) => id)).toEqual(ranked.slice(0, 3).map(({ index }) => `picture ${index}`))
    const [first] = await searchDatabase(database, pictures[7] ?? new Uint8Array(), 1)
    expect(first?.id).toBe('picture 7')
    expect(first?.score).toBeCloseTo(1, 5)
  })

  it('refuses a database of another model, an id that comes twice and files that are none, and says what to do', async () => {
    const { buildDatabase, searchDatabase, encodeImages } = await predictor('m-one')
    const other = await predictor('m-two')
    const pictures = await photographs(1)
    const entry = ['a', pictures[0] ?? ''] as const
    const database = await buildDatabase([entry])
    await expect(other.searchDatabase(database, 'a')).rejects.toMatchObject({ code: 'invalid-request' })
    await expect(buildDatabase([entry, entry])).rejects.toMatchObject({ code: 'invalid-request' })
    await expect(searchDatabase(database, Buffer.from('no picture'))).rejects.toMatchObject({
      code: 'image-type-refused',
    })
    const folder = await temporaryFolder()
    await expect(encodeImages([join(folder, 'none.jpg')])).rejects.toMatchObject({ code: 'source-not-found' })
    await expect(loadDatabase(join(folder, 'none'))).rejects.toMatchObject({ code: 'source-not-found' })
    await writeFile(join(folder, 'text'), 'not a database')
    await expect(loadDatabase(join(folder, 'text'))).rejects.toMatchObject({ code: 'source-unrecognised' })
    await writeFile(join(folder, 'config.json'), '{"model_type":"bert"}')
    await expect(createPredictor(folder)).rejects.toMatchObject({ code: 'model-invalid' })
  })
})
