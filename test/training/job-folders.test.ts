import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { CHECKPOINT_FILE } from '../../src/training/checkpoint.ts'
import { createJobFolders } from '../../src/training/job-folders.ts'
import { readOutcome, OUTCOME_FILE, writeOutcome, type JobOutcome } from '../../src/training/job-outcome.ts'
import { createStoredCheckpoints } from '../../src/training/stored-checkpoints.ts'
import { openFeatureFile } from '../../src/training/feature-file.ts'
import {
  EXAMPLES_FILE,
  FEATURES_FILE,
  SENTENCES_FILE,
  writeTrainingData,
  type TrainingImage,
} from '../../src/training/training-data.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { allExamples } from './examples.ts'

const WIDTH = 4
const BYTES = WIDTH * Float32Array.BYTES_PER_ELEMENT
const ROW_BYTES = { features: 2 * BYTES, sentences: 0 }

/** Two images: the first with the pairs a and b, the second with c. */
const image = (value: number, ...pairIds: string[]): TrainingImage => ({
  views: [new Float32Array(WIDTH).fill(value), new Float32Array(WIDTH).fill(-value)],
  captions: pairIds.map((pairId) => `caption ${pairId}`),
  pairIds,
  fold: 'train',
})
const images = [image(1, 'a', 'b'), image(2, 'c')]
const outcome = { log: 'this log', manifest: 'manifests/a.json', parent: null, history: [], metrics: { 'training.loss': 1 } } // prettier-ignore

/** Job folders over a blob store, and what it holds. */
async function opened(folder?: string) {
  const blobs = createFileBlobStore({ folder: await temporaryFolder() })
  onTestFinished(() => blobs.close())
  const checkpoints = createStoredCheckpoints({ blobs, onFailed: () => undefined })
  const sources = { log: { identity: () => Promise.resolve('this log') }, blobs }
  const folders = createJobFolders(folder ?? (await temporaryFolder()), checkpoints, sources)
  const store = (...names: string[]) =>
    Promise.all(names.map((name) => blobs.put(`checkpoints/${name}`, Buffer.from('weights'))))
  return { folders, blobs, sources, store, stored: async () => (await checkpoints.names()).toSorted() }
}

const captions = async (path: string) => (await allExamples(path)).map(({ row, caption }) => [row, caption])
const features = (path: string): number[] => {
  const file = openFeatureFile(path, 2, WIDTH)
  const values = Array.from({ length: file.rows }, (_, row) => {
    const target = new Float32Array(WIDTH)
    file.read(row, 1, target, 0)
    return target[0] ?? Number.NaN
  })
  file.close()
  return values
}
const only =
  (...gone: string[]) =>
  (pairId: string) =>
    gone.includes(pairId)

it('takes erased pairs out of the data of a training that goes on', async () => {
  const { folders } = await opened()
  await folders.hold('m-1', async ({ path, written }) => {
    await writeTrainingData(path, images)
    written(ROW_BYTES)
    expect(await folders.forget(only('a'))).toBe(true)
    expect(await captions(path)).toEqual([
      [0, 'caption b'],
      [1, 'caption c'],
    ])
    expect(features(path)).toEqual([-1, -2])

    expect(await folders.forget(only('b'))).toBe(true)
    expect(await captions(path)).toEqual([[1, 'caption c']])
    expect(features(path)).toEqual([0, -2])
  })
})

it('takes the embeddings of erased captions, too', async () => {
  const { folders } = await opened()
  await folders.hold('m-1', async ({ path, written }) => {
    const embedded = images.map((each) => ({
      ...each,
      sentences: (each.pairIds ?? []).map((id) => new Float32Array(WIDTH).fill(id.charCodeAt(0))),
    }))
    await writeTrainingData(path, embedded)
    written({ ...ROW_BYTES, sentences: BYTES })
    expect(await folders.forget(only('b'))).toBe(true)
    const file = openFeatureFile(path, 1, WIDTH, SENTENCES_FILE)
    const rows = Array.from({ length: file.rows }, (_, row) => {
      const target = new Float32Array(WIDTH)
      file.read(row, 0, target, 0)
      return [...new Set(target)]
    })
    file.close()
    expect(rows).toEqual([[97], [0], [99]])
    expect((await allExamples(path)).map(({ sentence }) => sentence)).toEqual([0, 2])
  })
})

it('says that it has to be asked again while data are being written', async () => {
  const { folders } = await opened()
  await folders.hold('m-1', async ({ path, written }) => {
    expect(await folders.forget(only('c'))).toBe(true) // nothing is written yet
    async function* slowly() {
      yield* images
      expect(await folders.forget(only('c'))).toBe(false)
    }
    await writeTrainingData(path, slowly())
    written(ROW_BYTES)
    expect(await folders.forget(only('c'))).toBe(true)
    expect(await captions(path)).toHaveLength(2)
  })
})

it('takes all data out of a folder that nobody works in when they may hold what is erased, and leaves every checkpoint', async () => {
  const folder = await temporaryFolder()
  const { folders, store, stored } = await opened(folder)
  const names = ['holds-it', 'is-without', 'was-cut-off', 'is-damaged']
  for (const name of names) {
    await folders.hold(name, async ({ path }) => {
      await writeTrainingData(path, name === 'is-without' ? [image(2, 'c')] : images)
      await writeFile(join(path, CHECKPOINT_FILE), 'weights')
      await mkdir(join(path, 'model'))
    })
  }
  await rm(join(folder, 'was-cut-off', EXAMPLES_FILE))
  await writeFile(join(folder, 'is-damaged', EXAMPLES_FILE), (await readFile(join(folder, 'is-without', EXAMPLES_FILE), 'utf8')).slice(0, 20)) // prettier-ignore
  await writeFile(join(folder, 'is-no-folder'), '')
  await store(...names)
  for (const times of ['once', 'and again']) {
    expect(await folders.forget(only('a')), times).toBe(true)
    for (const name of names) {
      const data = name === 'is-without' ? [EXAMPLES_FILE, FEATURES_FILE, 'model'] : []
      expect((await readdir(join(folder, name))).toSorted(), name).toEqual([CHECKPOINT_FILE, ...data])
    }
    expect(await stored()).toEqual(names.toSorted())
  }
})

it('leaves the outcome of a training when something is erased, and nothing else of it', async () => {
  const folder = await temporaryFolder()
  const { folders, blobs, sources, store, stored } = await opened(folder)
  await blobs.put(outcome.manifest, Buffer.from('{}'))
  const path = join(folder, 'm-1')
  await folders.hold('m-1', async () => {
    await writeTrainingData(path, images)
    await writeOutcome(path, outcome)
  })
  await store('m-1')
  expect(await folders.forget(only('a'))).toBe(true)
  expect(await readdir(path)).toEqual(['outcome.json'])
  await folders.hold('m-1', async () => expect(await folders.forget(only('c'))).toBe(true))
  expect(await readOutcome(path, sources)).toEqual(outcome)
  expect(await stored()).toEqual(['m-1'])
})

it('believes no outcome of another log, of a model that is gone, or that cannot be read, and trains on beside it', async () => {
  const { folders, blobs, sources } = await opened()
  await blobs.put(outcome.manifest, Buffer.from('{}'))
  const noted: readonly (JobOutcome | string)[] = [{ ...outcome, log: 'another log' }, { ...outcome, manifest: 'manifests/gone.json' }, '{"log":', '{}'] // prettier-ignore
  for (const one of noted) {
    await folders.hold('m-1', async ({ path, written }) => {
      await writeTrainingData(path, images)
      written(ROW_BYTES)
      if (typeof one === 'string') await writeFile(join(path, OUTCOME_FILE), one)
      else await writeOutcome(path, one)
      expect(await readOutcome(path, sources)).toBeNull()
      expect(await folders.forget(only('a'))).toBe(true)
      expect(await captions(path)).toHaveLength(2)
    })
  }
})

it('removes what is answered, but nothing that is worked in', async () => {
  const folder = await temporaryFolder()
  const { folders, store, stored } = await opened(folder)
  const catalogue = { model: (modelVersion: string) => (modelVersion === 'm-2' ? null : ({} as never)) }
  await folders.removeAnswered(catalogue) // there is no folder yet
  await store('m-1', 'm-2', 'm-3', 'm-elsewhere')
  for (const name of ['m-1', 'm-2']) await folders.hold(name, ({ path }) => writeTrainingData(path, images))
  await folders.hold('m-3', async ({ path }) => {
    await writeTrainingData(path, images)
    await folders.removeAnswered(catalogue)
    expect(['m-1', 'm-2', 'm-3'].map((name) => existsSync(join(folder, name)))).toEqual([false, true, true])
    expect(await stored()).toEqual(['m-2', 'm-3'])
  })
  await folders.remove('m-3')
  expect(existsSync(join(folder, 'm-3'))).toBe(false)
  expect(await stored()).toEqual(['m-2'])
  await folders.remove('m-3')
})
