import { describe, expect, it, vi } from 'vitest'
import { createDeferred } from '../../../../src/adapters/event-log/kafka/deferred.ts'
import type { OutgoingRecord } from '../../../../src/adapters/event-log/kafka/outgoing-record.ts'
import type { IdempotentProducer } from '../../../../src/adapters/event-log/kafka/producer.ts'
import { createSendQueue } from '../../../../src/adapters/event-log/kafka/send-queue.ts'
import { toAppError } from '../../../../src/core/errors.ts'

const limits = { deadline: 200, records: 100, bytes: 50_000_000 }

const record = (bytes = 10, partition = 0): OutgoingRecord => ({
  topic: 'pairs',
  partition,
  key: 'k',
  value: Buffer.alloc(bytes),
  headers: {},
})

/** Counts offsets as a broker would; `gate` holds partitions back. */
function countingProducer(gate: (partition: number) => Promise<void> = async () => undefined) {
  const requests: (readonly OutgoingRecord[])[] = []
  const ends = new Map<number, number>()
  /** What partitions answer instead. */
  const refusals = new Map<number, Error>()
  let discards = 0
  const createProducer = (): IdempotentProducer => ({
    async send(records, { onConfirmed, onRefused }) {
      requests.push(records)
      const partitions = [...new Set(records.map(({ partition }) => partition))]
      await Promise.all(
        partitions.map(async (partition) => {
          await gate(partition)
          const own = records.filter((each) => each.partition === partition)
          const batch = { topic: 'pairs', partition, records: own, firstSequence: 0 }
          const refusal = refusals.get(partition)
          if (refusal !== undefined) {
            onRefused(batch, refusal)
            return
          }
          const firstOffset = ends.get(partition) ?? 0
          ends.set(partition, firstOffset + own.length)
          onConfirmed(batch, firstOffset)
        }),
      )
    },
    discard() {
      discards++
    },
  })
  return { createProducer, requests, refusals, discards: () => discards }
}

describe('the queue of records to send', () => {
  it('puts calls of one turn into one request, each with its own offsets', async () => {
    const { createProducer, requests } = countingProducer()
    const queue = createSendQueue(createProducer, limits)
    const calls = [queue.send([record(), record()]), queue.send([record()]), queue.send([record()])]
    expect(await Promise.all(calls)).toEqual([[0, 1], [2], [3]])
    expect(requests).toHaveLength(1)
    await queue.close()
  })

  it('keeps the records of a partition in a request under what its topic takes', async () => {
    const { createProducer, requests } = countingProducer()
    const queue = createSendQueue(createProducer, limits)
    const picture = 900_000
    await Promise.all(
      [record(picture), record(picture), record(picture), record(picture, 1)].map((each) => queue.send([each])),
    )
    expect(requests.map(({ length }) => length)).toEqual([3, 1])
    const offsets = await queue.send([record(picture), record(picture), record(picture)])
    expect(offsets).toEqual([3, 4, 5])
    expect(requests.slice(2).map(({ length }) => length)).toEqual([2, 1])
    await queue.close()
  })

  it('refuses a record that no request can hold', async () => {
    const { createProducer, requests } = countingProducer()
    const queue = createSendQueue(createProducer, limits)
    await expect(queue.send([record(3_000_000)])).rejects.toMatchObject({ code: 'payload-too-large' })
    expect(requests).toEqual([])
    await queue.close()
  })

  it('tells the calls of a partition that it is refused, and no others', async () => {
    const { createProducer, requests, refusals } = countingProducer()
    const queue = createSendQueue(createProducer, limits)
    refusals.set(0, Object.assign(new Error('too large'), { type: 'MESSAGE_TOO_LARGE' }))
    refusals.set(1, Object.assign(new Error('no replicas'), { type: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }))
    const outcomes = await Promise.allSettled(
      [[0], [1], [2], [2, 0]].map((partitions) => queue.send(partitions.map((partition) => record(10, partition)))),
    )
    expect(outcomes).toMatchObject([
      { reason: { code: 'payload-too-large' } },
      { reason: { code: 'publish-unconfirmed' } },
      { value: [0] },
      { reason: { code: 'payload-too-large' } },
    ])
    expect(requests).toHaveLength(1)
    refusals.clear()
    expect(await queue.send([record(10, 0)])).toEqual([0])
    await queue.close()
  })

  it('answers at the deadline, and gives up the producer: its endless repetitions would come much later', async () => {
    const never = createDeferred()
    const { createProducer, discards } = countingProducer(() => never.promise)
    const queue = createSendQueue(createProducer, limits)
    const begunAt = performance.now()
    await expect(queue.send([record()])).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    expect(performance.now() - begunAt).toBeGreaterThanOrEqual(limits.deadline - 10)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(discards()).toBe(1)
    never.resolve()
    await queue.close()
  })

  it('begins with a new producer after a failure, and never sends what is overdue', async () => {
    let isBroken = true
    const { createProducer, requests, discards } = countingProducer(async () => {
      const isLost = isBroken
      await new Promise((resolve) => setTimeout(resolve, isLost ? 250 : 0))
      if (isLost) throw new Error('the connection was closed')
    })
    const queue = createSendQueue(createProducer, limits)
    const first = queue.send([record()])
    await new Promise((resolve) => setTimeout(resolve, 10))
    const overdue = queue.send([record()])
    await expect(first).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    await expect(overdue).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    isBroken = false
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(await queue.send([record()])).toEqual([0])
    expect(requests).toHaveLength(2)
    expect(discards()).toBeGreaterThanOrEqual(1)
    await queue.close()
  })

  it('is bounded: a call that finds no room is told at once', async () => {
    const gate = createDeferred()
    const { createProducer } = countingProducer(() => gate.promise)
    const queue = createSendQueue(createProducer, { ...limits, records: 2 })
    const inHand = queue.send([record()])
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    const waiting = [queue.send([record()]), queue.send([record()])]
    await expect(queue.send([record()])).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    gate.resolve()
    expect(await Promise.all([inHand, ...waiting])).toEqual([[0], [1], [2]])
    await queue.close()
  })

  it('holds up no partition for one that does not confirm, whose records stay in order', async () => {
    const gate = createDeferred()
    const { createProducer, requests } = countingProducer((partition) =>
      partition === 0 ? gate.promise : Promise.resolve(),
    )
    const queue = createSendQueue(createProducer, { ...limits, deadline: 10_000 })
    const held = [queue.send([record(10, 0), record(10, 1)]), queue.send([record(10, 0)])]
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    held.push(queue.send([record(10, 0), record(10, 2)]))
    expect(await queue.send([record(10, 1)])).toEqual([1])
    for (let round = 1; round <= 50; round++) expect(await queue.send([record(10, 2)])).toEqual([round])
    gate.resolve()
    expect(await Promise.all(held)).toEqual([[0, 0], [1], [2, 0]])
    const ofSlow = requests.filter((request) => request.some(({ partition }) => partition === 0))
    expect(ofSlow.map(({ length }) => length)).toEqual([3, 1])
    await queue.close()
  })

  it('leaves room for the others when much waits for a partition that does not confirm', async () => {
    const gate = createDeferred()
    const { createProducer } = countingProducer((partition) => (partition === 0 ? gate.promise : Promise.resolve()))
    const queue = createSendQueue(createProducer, { ...limits, deadline: 10_000, records: 10 })
    const held = [queue.send([record(10, 0)])]
    expect(await queue.send([record(10, 1)])).toEqual([0])
    await vi.waitUntil(() => queue.send([record(10, 1)]).then(() => true))
    for (let call = 0; call < 5; call++) held.push(queue.send([record(10, 0)]))
    await expect(queue.send([record(10, 0)])).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    await queue.send(Array.from({ length: 5 }, () => record(10, 1)))
    gate.resolve()
    expect(await Promise.all(held)).toEqual([[0], [1], [2], [3], [4], [5]])
    await queue.close()
  })

  it('waits for brokers that do not answer for some seconds when it is closed, whatever the deadline', async () => {
    vi.useFakeTimers()
    try {
      const silent = createDeferred()
      const { createProducer } = countingProducer(() => silent.promise)
      const cut = () => ({ ...createProducer(), discard: () => silent.reject(new Error('given up')) })
      const queue = createSendQueue(cut, { ...limits, deadline: 10_000 })
      const outcomes: string[] = []
      const told = (error: unknown) => void outcomes.push(toAppError(error).code)
      queue.send([record()]).catch(told)
      await vi.advanceTimersByTimeAsync(10)
      queue.send([record()]).catch(told)
      let isClosed = false
      void queue.close().then(() => (isClosed = true))
      await vi.advanceTimersByTimeAsync(4_000)
      expect(isClosed).toBe(true)
      expect(outcomes).toEqual(['publish-unconfirmed', 'publish-unconfirmed'])
    } finally {
      vi.useRealTimers()
    }
  })

  it('sends what waits when it is closed, and takes no more', async () => {
    const { createProducer } = countingProducer()
    const queue = createSendQueue(createProducer, limits)
    const call = queue.send([record()])
    await queue.close()
    expect(await call).toEqual([0])
    await expect(queue.send([record()])).rejects.toMatchObject({ code: 'log-unavailable' })
  })
})
