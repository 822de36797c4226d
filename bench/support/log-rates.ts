import type { EventLog } from '../../src/ports/event-log.ts'
import type { MeasuredRecord } from './log-records.ts'
import { figure } from './report.ts'
import { timed } from './rounds.ts'
import { median, ratioCells } from './statistics.ts'

/** How records are appended: `size` a call, `callers` at once; `carried`: with the picture inside. */
export type Manner = {
  readonly name: string
  readonly count: number
  readonly size: number
  readonly callers: number
  readonly carried: boolean
}

/** Records a second. */
export type Rates = { readonly append: number; readonly consume: number }

export function* slices<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

/** How many of `count` a second `work` does. */
export const rateOf = async (count: number, work: () => Promise<unknown>): Promise<number> =>
  count / ((await timed(work)) / 1_000)

export async function appendAll(
  log: EventLog,
  records: readonly MeasuredRecord[],
  { size, callers }: Manner,
): Promise<void> {
  const calls = slices(records, size)
  const caller = async (): Promise<void> => {
    for (const call of calls) await log.append(call.map(({ record }) => record))
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

/** Consumes `count` records of `pairs` as one group, at most `batch` at a time, and commits them. */
export function consumeAll(log: EventLog, count: number, batch: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = 0
    const consumer = log.consume('bench', {
      topics: ['pairs'],
      maxRecords: batch,
      async handle(records) {
        seen += records.length
        // Stopping lets the batch in hand be committed first.
        if (seen >= count) void consumer.stop().then(resolve)
      },
    })
    consumer.done.catch(reject)
  })
}

/** A row of the table: what, the mean size of a value, both sides' median rates, and their ratio. */
export function rateRow(
  what: string,
  records: readonly MeasuredRecord[],
  log: readonly number[],
  bare: readonly number[],
): (string | number)[] {
  const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0) / records.length
  return [
    what,
    `${figure(Math.round(bytes))} B`,
    Math.round(median(log)),
    Math.round(median(bare)),
    ...ratioCells(log, bare),
  ]
}
