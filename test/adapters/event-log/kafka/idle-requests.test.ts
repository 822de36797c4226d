import { expect, it, vi } from 'vitest'
import { restWhenIdle } from '../../../../src/adapters/event-log/kafka/idle-requests.ts'
import { requestQueue } from './kafkajs-protocol.ts'

it('sets no timer where no request waits, and sends those that do once they may go', async () => {
  vi.useFakeTimers()
  try {
    const queue = requestQueue()
    restWhenIdle({ requestQueue: queue })
    const sent: number[] = []
    const push = (correlationId: number) => {
      const entry = { correlationId, resolve: () => undefined }
      queue.push({ entry, expectResponse: true, sendRequest: () => void sent.push(correlationId) })
    }
    push(1)
    queue.maybeThrottle(100)
    queue.fulfillRequest({ correlationId: 1 })
    expect(vi.getTimerCount()).toBe(0)
    push(2)
    expect(sent).toEqual([1])
    await vi.advanceTimersByTimeAsync(150)
    expect(sent).toEqual([1, 2])
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
