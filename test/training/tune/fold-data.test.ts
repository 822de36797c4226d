import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { KeyedTrainingImage } from '../../../src/training/learnt-images.ts'
import { EXAMPLES_FILE, FEATURES_FILE, readExamples } from '../../../src/training/training-data.ts'
import { createFoldData, foldOf } from '../../../src/training/tune/fold-data.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const FOLDS = 3
const { signal } = new AbortController()

/** Three pictures of each key, two captions each. */
function* images(keys: number, gone: ReadonlySet<string>): Iterable<KeyedTrainingImage> {
  for (let index = 0; index < keys * 3; index++) {
    const captions = [0, 1].map((which) => `picture ${index}, caption ${which}`)
    const pairIds = captions.map((_, which) => `${index}-${which}`)
    if (gone.has(pairIds[0] ?? '')) continue
    yield { views: [Float32Array.of(index)], captions, pairIds, fold: 'train', splitKey: `key-${index % keys}` }
  }
}

async function foldData(keys = 40) {
  const folder = join(await temporaryFolder(), 'data')
  const gone = new Set<string>()
  let written = 0
  const data = createFoldData({
    folder,
    folds: FOLDS,
    hasSentences: false,
    async *images() {
      written++
      yield* images(keys, gone)
    },
    isGone: (pairId) => gone.has(pairId),
  })
  const examples = async () => {
    const found = []
    for await (const example of readExamples(folder)) found.push(example)
    return found
  }
  return { folder, data, examples, gone, timesWritten: () => written }
}

describe('folds', () => {
  it('are as large as one another, roughly, and no function of the split between training and validation', () => {
    const folds = Array.from({ length: 3_000 }, (_, index) => foldOf(`key-${index}`, FOLDS))
    for (const fold of [0, 1, 2]) {
      const share = folds.filter((other) => other === fold).length / folds.length
      expect(share).toBeGreaterThan(0.3)
      expect(share).toBeLessThan(0.37)
    }
  })

  it('are each the development fold once, near-duplicates together, and the features are written once', async () => {
    const { folder, data, examples, timesWritten } = await foldData()
    const judgedIn = new Map<string, number>()
    for (let fold = 0; fold < FOLDS; fold++) {
      expect(await data.ready(fold, signal)).toBe(true)
      const found = await examples()
      expect(found).toHaveLength(240)
      for (const { row, caption, fold: role } of found) {
        expect(role).toBe(foldOf(`key-${row % 40}`, FOLDS) === fold ? 'development' : 'train')
        if (role === 'development') judgedIn.set(caption, (judgedIn.get(caption) ?? 0) + 1)
      }
    }
    expect([...judgedIn.values()]).toEqual(Array.from({ length: 240 }, () => 1))
    expect(timesWritten()).toBe(1)
    const features = await readFile(join(folder, FEATURES_FILE))
    expect(features.readFloatLE(4 * 7)).toBe(7)
  })

  it('hold the same examples when they are chosen again, so that a checkpoint fits', async () => {
    const { folder, data } = await foldData()
    const read = () => readFile(join(folder, EXAMPLES_FILE), 'utf8')
    await data.ready(0, signal)
    const first = await read()
    await data.ready(1, signal)
    expect(await read()).not.toBe(first)
    await data.ready(0, signal)
    expect(await read()).toBe(first)
  })
})

describe('the data of a search', () => {
  it('are written again without what was erased', async () => {
    const { data, examples, gone, timesWritten } = await foldData()
    await data.ready(0, signal)
    gone.add('5-0')
    expect(await data.ready(0, signal)).toBe(true)
    expect(timesWritten()).toBe(2)
    const captions = (await examples()).map(({ caption }) => caption)
    expect(captions).toHaveLength(238)
    expect(captions.some((caption) => caption.startsWith('picture 5,'))).toBe(false)
  })

  it('are written again where somebody took a part of them away', async () => {
    const { folder, data, examples, timesWritten } = await foldData()
    await data.ready(2, signal)
    await rm(join(folder, FEATURES_FILE))
    expect(data.isThere()).toBe(false)
    expect(await data.ready(2, signal)).toBe(true)
    expect(timesWritten()).toBe(2)
    expect(await examples()).toHaveLength(240)
    await data.remove()
    expect(data.isThere()).toBe(false)
  })
})
