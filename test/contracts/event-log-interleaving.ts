import { expect } from 'vitest'
import { promise } from '../fixtures/log-consumers.ts'
import { pairRecord } from '../fixtures/pair-events.ts'
import type { LogUnderTest } from './event-log-driver.ts'

export type Step =
  | { readonly type: 'append'; readonly images: readonly number[] }
  | { readonly type: 'consume'; readonly batches: number }
  | { readonly type: 'reopen' }

/** Runs the steps, checking every delivery; then consumes the rest and checks that nothing is missing. */
export async function interleave(subject: LogUnderTest, steps: readonly Step[]): Promise<void> {
  let log = subject.log
  let appended = 0
  const expected = new Map<number, string[]>()
  const committed = new Map<number, number>()

  /** Handles `batches` batches and fails in the next, or ends when all is handled. */
  const consume = async (batches: number): Promise<void> => {
    let left = appended - [...committed.values()].reduce((sum, offset) => sum + offset, 0)
    if (left === 0) return
    let handled = 0
    const allHandled = promise()
    const consumer = log.consume('readers', {
      topics: ['pairs'],
      maxRecords: 2,
      handle: async (records) => {
        if (handled++ === batches) throw new Error('crash')
        for (const { partition, offset, value } of records) {
          expect(offset).toBe(committed.get(partition) ?? 0) // in order, and never before what was committed
          expect(value?.caption).toBe(expected.get(partition)?.[offset])
          committed.set(partition, offset + 1)
        }
        left -= records.length
        if (left === 0) allHandled.resolve()
      },
    })
    const outcome = await Promise.race([
      allHandled.promise,
      consumer.done.catch((error: unknown) =>
        error instanceof Error && error.message === 'crash' ? undefined : Promise.reject(error as Error),
      ),
    ])
    expect(outcome).toBeUndefined()
    await consumer.stop()
    expect(await log.committedOffsets('readers', 'pairs')).toEqual(committed)
  }

  for (const step of steps) {
    if (step.type === 'append') {
      const records = step.images.map((image) => pairRecord(`image ${image}`, `caption ${appended++}`))
      const positions = await log.append(records)
      positions.forEach(({ partition, offset }, index) => {
        const known = expected.get(partition) ?? []
        expect(offset).toBe(known.length)
        expected.set(partition, [...known, records[index]?.value?.caption ?? ''])
      })
    } else if (step.type === 'consume') await consume(step.batches)
    else log = await subject.reopen()
  }
  await consume(Number.POSITIVE_INFINITY)
  expect(committed).toEqual(new Map([...expected].map(([partition, all]) => [partition, all.length])))
}
