import { expect, it } from 'vitest'
import type { FeedbackGiven } from '../../../src/core/events.ts'
import { feedbackKey } from '../../../src/core/feedback.ts'
import { feedbackJudgements } from '../../../src/producers/judgements/feedback-source.ts'
import { publishJudgements } from '../../../src/producers/judgements/publish-judgements.ts'
import { readJudgements } from '../../../src/reranking/judgement-log.ts'
import { platform } from '../../consumers/consumer-harness.ts'
import { topicValues } from '../../fixtures/topic-values.ts'

const captions: Readonly<Record<string, readonly string[]>> = { sea: ['the sea', 'waves'], dog: ['a dog'] }

it('makes judgements of opinions: their mean for a query and a caption, none of clicks nor of queries that lost something', async () => {
  const { log } = await platform()
  const ask = (queryId: string, text: string | null) =>
    log.append([{ topic: 'queries', key: queryId, value: { ...topicValues.queries, queryId, text } }])
  await ask('q1', 'Water  everywhere')
  await ask('q2', 'Water everywhere')
  await ask('q3', 'photos of [name]')
  await ask('q4', null)
  let givenAt = 0
  const say = async (queryId: string, action: string, imageId: string, changes: Partial<FeedbackGiven> = {}) => {
    const value = {
      ...topicValues.feedback,
      queryId,
      action,
      imageId,
      principal: 'one',
      givenAt: ++givenAt,
      ...changes,
    }
    await log.append([{ topic: 'feedback', key: feedbackKey(value), value }])
  }
  await say('q1', 'down', 'sea')
  await say('q1', 'up', 'sea') // on second thought
  await say('q2', 'down', 'sea', { principal: 'another' })
  await say('q2', 'up', 'sea', { principal: 'a third' })
  await say('q1', 'click', 'dog')
  await say('q2', 'down', 'dog', { pairId: 'p' })
  await say('q2', 'up', 'gone')
  await say('q3', 'up', 'sea')
  await say('q4', 'up', 'sea')
  await say('unknown', 'up', 'sea')

  const source = feedbackJudgements(log, ({ imageId }) => captions[imageId] ?? [])
  expect(await publishJudgements(source, log)).toMatchObject({ accepted: 3, rejected: 0 })
  const { judgements } = await readJudgements(log)
  const said = judgements.map(({ query, document, relevance, source: from }) => [
    query,
    document,
    relevance.toFixed(2),
    from,
  ])
  expect(said.sort()).toEqual([
    ['Water everywhere', 'a dog', '0.00', 'feedback'],
    ['Water everywhere', 'the sea', '0.67', 'feedback'],
    ['Water everywhere', 'waves', '0.67', 'feedback'],
  ])
})
