import { expect, it } from 'vitest'
import { createJudgeHandler, judgedTopics } from '../../src/consumers/judge.ts'
import type { NewRecord } from '../../src/ports/event-log.ts'
import { pairRecord } from '../fixtures/pair-events.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { platform } from './consumer-harness.ts'
import { spoil } from './poison.ts'

const recordsOf = (key: string): NewRecord[] =>
  judgedTopics.map((topic) => ({ topic, key, value: topicValues[topic], partition: 0 }) as NewRecord)

it('makes one dead record of what cannot be decoded and nobody else consumes, and goes on', async () => {
  const made = await platform()
  await made.log.append([...recordsOf('before'), pairRecord('picture', 'caption')])
  await made.log.append(recordsOf('poison'))
  for (const topic of judgedTopics) spoil(made, topic, 'poison')
  await made.log.append(recordsOf('after'))
  // Two, as where the role runs twice by mistake.
  for (let process = 0; process < 2; process++) made.start(createJudgeHandler())
  for (const topic of judgedTopics) {
    await made.passed('judge', topic)
    const headers = { origin_topic: topic, origin_offset: '1', cause: 'record-unreadable', group: 'judge' }
    expect(await made.log.dead(topic)).toMatchObject([{ key: 'poison', partition: 0, headers }])
  }
  expect(await made.log.dead('pairs')).toEqual([])
})
