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

/** Counts offsets as a broker would; `gate` holds requests back. */
function countingProducer(gate: () => Promise<void> = async () => undefined) {
  const requests: (readonly OutgoingRecord[])[] = []
  let next = 0
  let discards = 0
  const producer: IdempotentProducer = {
    async send(records) {
      requests.push(records)
      await gate()
      return records.map(() => next++)
    },
    discard() {
      discards++
    },
  }
  return { producer, requests, discards: () => discards }
}

describe('the queue of records to send', () => {
  it('puts calls of one turn into one request, each with its own offsets', async () => {
    const { producer, requests } = countingProducer()
    const queue = createSendQueue(producer, limits)
    const calls = [queue.send([record(), record()]), queue.send([record()]), queue.send([record()])]
    expect(await Promise.all(calls)).toEqual([[0, 1], [2], [3]])
    expect(requests).toHaveLength(1)
    await queue.close()
  })

  it('keeps the records of a partition in a request under what its topic takes', async () => {
    const { producer, requests } = countingProducer()
    const queue = createSendQueue(producer, limits)
    const picture = 900_000
    await Promise.all(
      [record(picture), record(picture), record(picture), record(picture, 1)].map((each) => queue.send([each])),
    )
    expect(requests.map(({ length }) => length)).toEqual([2, 2])
    const offsets = await queue.send([record(picture), record(picture), record(picture)])
    expect(offsets).toEqual([4, 5, 6])
    expect(requests.slice(2).map(({ length }) => length)).toEqual([2, 1])
    await queue.close()
  })

  it('refuses a record that no request can hold', async () => {
    const { producer, requests } = countingProducer()
    const queue = createSendQueue(producer, limits)
    await expect(queue.send([record(3_000_000)])).rejects.toMatchObject({ code: 'payload-too-large' })
    expect(requests).toEqual([])
    await queue.close()
  })

  it('answers at the deadline, and gives up the producer: its endless repetitions would come much later', async () => {
    const never = createDeferred()
    const { producer, discards } = countingProducer(() => never.promise)
    const queue = createSendQueue(producer, limits)
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
    const { producer, requests, discards } = countingProducer(async () => {
      const isLost = isBroken
      await new Promise((resolve) => setTimeout(resolve, isLost ? 250 : 0))
      if (isLost) throw new Error('the connection was closed')
    })
    const queue = createSendQueue(producer, limits)
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
    const { producer } = countingProducer(() => gate.promise)
    const queue = createSendQueue(producer, { ...limits, records: 2 })
    const inHand = queue.send([record()])
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    const waiting = [queue.send([record()]), queue.send([record()])]
    await expect(queue.send([record()])).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    gate.resolve()
    expect(await Promise.all([inHand, ...waiting])).toEqual([[0], [1], [2]])
    await queue.close()
  })

  it('waits for brokers that do not answer for some seconds when it is closed, whatever the deadline', async () => {
    vi.useFakeTimers()
    try {
      const silent = createDeferred()
      const { producer } = countingProducer(() => silent.promise)
      const cut = { ...producer, discard: () => silent.reject(new Error('given up')) }
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
    const { producer } = countingProducer()
    const queue = createSendQueue(producer, limits)
    const call = queue.send([record()])
    await queue.close()
    expect(await call).toEqual([0])
    await expect(queue.send([record()])).rejects.toMatchObject({ code: 'log-unavailable' })
  })
})
