import { expect, it } from 'vitest'
import { deadLettersOf } from '../../src/roles/dead-letters.ts'
import { replayDeadLetters } from '../../src/roles/replay-dead-letters.ts'
import { createCountHandler } from '../../src/consumers/count.ts'
import { PARTITIONS, platform } from '../consumers/consumer-harness.ts'
import { boundedLog, LONGEST_KEY } from '../fixtures/bounded-log.ts'
import { pairRecord } from '../fixtures/pair-events.ts'

it('a record whose key was too long to repeat is replayed with its whole key, or said to be too large', async () => {
  const made = await platform()
  const key = 'k'.repeat(LONGEST_KEY)
  await made.log.append([{ ...pairRecord('one', 'a dog'), key, partition: 1 }])
  const settings = { threshold: 0.1, firstTrainingPairs: 10 }
  made.start(createCountHandler({ ...made, settings, partitions: PARTITIONS }))
  await made.passed('count')
  const letters = await deadLettersOf(made.log, 'pairs')
  expect(letters).toMatchObject([{ partition: 1, cause: 'wrong-id', origin: { partition: 1, offset: 0 } }])
  const bounded = { ...made, log: boundedLog(made.log) }
  expect(await replayDeadLetters(bounded, letters, 'ada')).toMatchObject([{ outcome: 'too-large', to: null }])
  const to = { partition: 1, offset: 1 }
  expect(await replayDeadLetters(made, letters, 'ada')).toMatchObject([{ outcome: 'replayed', to }])
  expect((await made.log.read('pairs', 1, 1))?.key).toBe(key)
  await made.passed('count')
  const [first] = await deadLettersOf(made.log, 'pairs')
  expect(first?.replay).toMatchObject({ ...to, by: 'ada', diedAgain: { cause: 'wrong-id' } })
})
