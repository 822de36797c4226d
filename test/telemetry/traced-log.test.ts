import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createSqliteLog } from '../../src/adapters/event-log/sqlite.ts'
import type { PairPublished } from '../../src/core/events.ts'
import type { LogRecord, Position } from '../../src/ports/event-log.ts'
import { parseTraceparent, startTrace } from '../../src/telemetry/trace-context.ts'
import { withinTrace, withTraces } from '../../src/telemetry/traced-log.ts'
import { publication } from '../catalogue/catalogue-harness.ts'
import { pairEvent } from '../fixtures/pair-events.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

async function tracedLog() {
  const log = withTraces(createSqliteLog({ path: join(await temporaryFolder(), 'log.db'), partitions: 1 }))
  onTestFinished(() => log.close())
  const traceOf = async ({ topic, partition, offset }: Position) =>
    parseTraceparent((await log.read(topic as 'pairs', partition, offset))?.headers['traceparent'])
  return { log, traceOf }
}

const indexedOf = ({ pairId, imageId, publishedAt }: PairPublished) => {
  const times = { publishedAt, embeddedAt: publishedAt, indexedAt: publishedAt }
  const value = { pairId, imageId, generation: 'g1', modelVersion: 'm1', ...times }
  return { topic: 'pairs.indexed', key: pairId, value } as const
}
const [first, second] = [pairEvent('one', 'a dog'), pairEvent('two', 'a cat')]

it('begins one trace for an append that nothing has led to', async () => {
  const { log, traceOf } = await tracedLog()
  const positions = [
    ...(await log.append([first, second].map(publication))),
    ...(await log.append([publication(pairEvent('three', 'a bird'))])),
  ]
  const [one, two, other] = await Promise.all(positions.map(traceOf))
  expect(one).not.toBeNull()
  expect(two).toEqual(one)
  expect(other?.traceId).not.toBe(one?.traceId)
})

it('carries the span of what is being done, and leaves a header that is there', async () => {
  const { log, traceOf } = await tracedLog()
  const span = startTrace()
  const [position] = await withinTrace(span, async () => log.append([publication(first)]))
  expect(position && (await traceOf(position))).toEqual(span)
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const [kept] = await log.append([{ ...publication(second), headers: { traceparent } }])
  expect(kept && (await traceOf(kept))).toEqual(parseTraceparent(traceparent))
})

it('goes on with the trace of each record of a batch in what follows from it', async () => {
  const { log, traceOf } = await tracedLog()
  const spans = [startTrace(), startTrace()]
  for (const [at, pair] of [first, second].entries())
    await withinTrace(spans[at] ?? startTrace(), async () => log.append([publication(pair)]))
  const answered = new Promise<readonly Position[]>((resolve, reject) => {
    const handle = async (records: readonly LogRecord<'pairs'>[]) => {
      const derived = records.flatMap(({ value }) => (value === null ? [] : [indexedOf(value)]))
      const request = { ...indexedOf(pairEvent('of nobody', 'here')), key: 'another subject' }
      const dead = {
        topic: 'pairs.dead',
        key: records[0]?.key ?? '',
        partition: 0,
        headers: { cause: 'none' },
      } as const
      await log.append([...derived, request, dead]).then(resolve, reject)
    }
    const consumer = log.consume('test', { topics: ['pairs'], handle })
    onTestFinished(() => consumer.stop())
  })
  const traces = await Promise.all((await answered).slice(0, 3).map(traceOf))
  const [dog, cat] = spans.map(({ traceId }) => traceId)
  expect(traces.map((trace) => trace?.traceId)).toEqual([dog, cat, cat])
  expect(new Set(traces.map((trace) => trace?.spanId)).size).toBe(1)
  expect(spans.map(({ spanId }) => spanId)).not.toContain(traces[0]?.spanId)
  const [dead] = await log.dead('pairs')
  expect(parseTraceparent(dead?.headers['traceparent'])).toEqual(traces[0])
})
