import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openTrainingRecords, type EndedTraining } from '../../../src/training/tune/training-records.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const ended = (trial: number, score: number | null): EndedTraining => ({
  trial,
  fold: 0,
  epochs: 2,
  score,
  metrics: score === null ? {} : { 'development.recall_at_1': score },
  failure: score === null ? 'The loss is no number.' : null,
  endedAt: 1_700_000_000_000,
})

it('keeps what has ended, also beside a line that was cut off', async () => {
  const folder = join(await temporaryFolder(), 'search')
  const path = join(folder, 'trainings.jsonl')
  const records = await openTrainingRecords(folder)
  expect(await readFile(path, 'utf8')).toBe('')
  for (const record of [ended(1, 0.25), ended(2, null)]) await records.add(record)
  await appendFile(path, '{"trial":3,"fold":0,"epo')
  const again = await openTrainingRecords(folder)
  expect(again.find({ trial: 1, fold: 0, epochs: 2 })).toEqual(ended(1, 0.25))
  expect(again.find({ trial: 2, fold: 0, epochs: 2 })).toEqual(ended(2, null))
  expect(again.find({ trial: 3, fold: 0, epochs: 2 })).toBeUndefined()
  expect(again.find({ trial: 1, fold: 1, epochs: 2 })).toBeUndefined()
  // What comes next is on a line of its own.
  await again.add(ended(3, 0.5))
  expect((await openTrainingRecords(folder)).find({ trial: 3, fold: 0, epochs: 2 })).toEqual(ended(3, 0.5))
})
