import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { adamState } from '../../src/training/adamw.ts'
import {
  CHECKPOINT_FILE,
  createCheckpoints,
  startingPosition,
  STORED_CHECKPOINT_FILE,
} from '../../src/training/checkpoint.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const FINGERPRINT = 'of this training'
const filled = (value: number) => ({
  states: { head: adamState(new Float32Array(3).fill(value)) },
  averages: { head: new Float32Array(3).fill(value) },
})

/** A checkpoint of value 100 x epoch + step in each of its arrays. */
const save = (folder: string, epoch: number, stepInEpoch: number, fingerprint = FINGERPRINT) => {
  const learned = filled(100 * epoch + stepInEpoch)
  const history = epoch > 1 ? [{ epoch: 1, loss: 1, developmentRecall: 1, score: 1 }] : []
  const position = { ...startingPosition(fingerprint), epoch, stepInEpoch, history }
  return createCheckpoints(folder).save({ position, best: epoch > 1 ? learned.averages : null }, learned)
}

/** A folder with a checkpoint that was stored, which `saveStored` writes, and its own. */
async function folderOf(saveStored: (folder: string) => Promise<void>, saveOwn?: (folder: string) => Promise<void>) {
  const folder = await temporaryFolder()
  await saveStored(folder)
  await rename(join(folder, CHECKPOINT_FILE), join(folder, STORED_CHECKPOINT_FILE))
  await saveOwn?.(folder)
  return folder
}

/** What is resumed in a folder: the value of the arrays, or null. */
async function resumed(folder: string): Promise<number | null> {
  const learned = filled(0)
  const found = await createCheckpoints(folder).resume(FINGERPRINT, learned)
  const value = learned.averages.head[0] ?? Number.NaN
  if (found === null) {
    expect(value).toBe(0)
    return null
  }
  const { epoch, stepInEpoch } = found.position
  expect([...learned.states.head.values, 100 * epoch + stepInEpoch]).toEqual([value, value, value, value])
  return value
}

it('resumes the later of its own and the one that was stored', async () => {
  expect(await resumed(await folderOf((folder) => save(folder, 8, 2)))).toBe(802)
  for (const [[storedEpoch, storedStep], [epoch, step], value] of [
    [[8, 2], [3, 40], 802],
    [[8, 2], [8, 4], 804],
    [[8, 2], [10, 0], 1000],
    [[8, 2], [8, 0], 802],
  ] as const) {
    const folder = await folderOf(
      (at) => save(at, storedEpoch, storedStep),
      (at) => save(at, epoch, step),
    )
    expect(await resumed(folder)).toBe(value)
  }
})

it('passes over a checkpoint of other data, and one that is broken, whichever it is', async () => {
  const broken = [
    (folder: string) => save(folder, 9, 0, 'of other data'),
    (folder: string) => writeFile(join(folder, CHECKPOINT_FILE), ''),
    (folder: string) => writeFile(join(folder, CHECKPOINT_FILE), 'rubbish, and more of it'),
    ...[4, 5, 20].map((bytes) => async (folder: string) => {
      await save(folder, 9, 0)
      const path = join(folder, CHECKPOINT_FILE)
      await writeFile(path, (await readFile(path)).subarray(0, -bytes))
    }),
  ]
  for (const one of broken) {
    expect(await resumed(await folderOf(one))).toBeNull()
    expect(await resumed(await folderOf(one, (folder) => save(folder, 2, 1)))).toBe(201)
    expect(await resumed(await folderOf((folder) => save(folder, 2, 1), one))).toBe(201)
  }
})
