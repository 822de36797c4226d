import { describe, expect, it } from 'vitest'
import type { IncomingRecord } from '../../../../src/adapters/event-log/kafka/record-batches.ts'
import { createLane } from '../../../../src/adapters/event-log/kafka/lane.ts'
import { AppError } from '../../../../src/core/errors.ts'

const record = (offset: number, bytes = 1): IncomingRecord => ({
  offset,
  timestamp: 0,
  key: null,
  value: Buffer.alloc(bytes),
  headers: new Map(),
})
const records = (...offsets: number[]) => offsets.map((offset) => record(offset))
const offsetsOf = (taken: readonly IncomingRecord[]) => taken.map(({ offset }) => offset)
const newLane = (from = 0) => createLane('pairs', 'pairs', 0, from)

describe('a lane', () => {
  it('hands out records in order, so many at once', () => {
    const lane = newLane()
    lane.add(records(0, 1, 2), 3)
    const first = lane.take(2, 1_000)
    expect([offsetsOf(first.records), first.next]).toEqual([[0, 1], 2])
    const second = lane.take(2, 1_000)
    expect([offsetsOf(second.records), second.next]).toEqual([[2], 3])
    expect(lane.hasWork()).toBe(false)
  })

  it('keeps a batch under its bytes, though one record may be larger', () => {
    const lane = newLane()
    lane.add([record(0, 100), record(1, 10), record(2, 10)], 3)
    expect(offsetsOf(lane.take(10, 50).records)).toEqual([0])
    expect(lane.bufferedBytes).toBe(220)
    expect(offsetsOf(lane.take(10, 50).records)).toEqual([1, 2])
    expect(lane.bufferedBytes).toBe(0)
  })

  it('passes what is gone behind the last record as a gap of its own', () => {
    const lane = newLane(5)
    lane.add(records(6), 9)
    expect(lane.take(10, 1_000).next).toBe(7)
    expect(lane.hasWork()).toBe(true)
    expect(lane.take(10, 1_000)).toEqual({ records: [], next: 9 })
    expect(lane.hasWork()).toBe(false)
  })

  it('raises its signal when it is lost or stopped, and tells the two apart', () => {
    const [lost, stopped] = [newLane(), newLane()]
    lost.lose()
    stopped.stop()
    expect([lost.signal.aborted, lost.isLost]).toEqual([true, true])
    expect([stopped.signal.aborted, stopped.isLost]).toEqual([true, false])
    expect(lost.signal.reason).toMatchObject({ code: 'not-ready' })
    expect(stopped.signal.reason).not.toBeInstanceOf(AppError)
  })
})
