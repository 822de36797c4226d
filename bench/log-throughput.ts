/**
 * Records a second into and out of the SQLite log, beside plain inserts and reads of the same bytes with the same durability:
 *
 *     node --import tsx bench/log-throughput.ts [--quick] [--dataset DIR] [--json] [--update]
 *
 * Both sides write to a new file each round, in the system's folder for temporary files: `TMPDIR` chooses the disk. The log also
 * validates, encodes and decodes Avro, keeps headers, partitions and an index by key. About one minute.
 */
import { join } from 'node:path'
import { createSqliteLog } from '../src/adapters/event-log/sqlite.ts'
import type { EventLog } from '../src/ports/event-log.ts'
import { openBareLog } from './support/bare-log.ts'
import { withFolder } from './support/bench-services.ts'
import { pairRecords, type MeasuredRecord } from './support/log-records.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { benchSource, readPictures } from './support/pictures.ts'
import { figure, present } from './support/report.ts'
import { alternate } from './support/rounds.ts'
import { median, ratioByRound } from './support/statistics.ts'

const options = readOptions()
const { quick } = options
const rounds = quick ? 2 : 5
const PARTITIONS = 12
/** Records a batch of a consumer. */
const BATCH = 256
const CALLERS = 64

/** How records are appended: `size` a call, `callers` at once. */
type Manner = {
  readonly name: string
  readonly count: number
  readonly size: number
  readonly callers: number
  readonly carried: boolean
}
const manners: readonly Manner[] = [
  { name: 'one at a time', count: quick ? 50 : 500, size: 1, callers: 1, carried: false },
  {
    name: `one a call, ${CALLERS} callers at once`,
    count: quick ? 256 : 5_000,
    size: 1,
    callers: CALLERS,
    carried: false,
  },
  { name: '256 a call', count: quick ? 512 : 20_000, size: 256, callers: 1, carried: false },
  { name: '64 a call, with the picture inside', count: quick ? 128 : 2_000, size: 64, callers: 1, carried: true },
]

/** Records a second, in and out. */
type Rates = { readonly append: number; readonly consume: number }
const rateOf = (count: number, start: number) => count / ((performance.now() - start) / 1_000)

function* slices<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

async function appendAll(log: EventLog, records: readonly MeasuredRecord[], { size, callers }: Manner): Promise<void> {
  const calls = slices(records, size)
  const caller = async (): Promise<void> => {
    for (const call of calls) await log.append(call.map(({ record }) => record))
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

function consumeAll(log: EventLog, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = 0
    const consumer = log.consume('bench', {
      topics: ['pairs'],
      maxRecords: BATCH,
      async handle(records) {
        seen += records.length
        // Stopping lets the batch in hand be committed first.
        if (seen >= count) void consumer.stop().then(resolve)
      },
    })
    consumer.done.catch(reject)
  })
}

async function measureLog(path: string, records: readonly MeasuredRecord[], manner: Manner): Promise<Rates> {
  const log = createSqliteLog({ path, partitions: PARTITIONS })
  try {
    let start = performance.now()
    await appendAll(log, records, manner)
    const append = rateOf(records.length, start)
    start = performance.now()
    await consumeAll(log, records.length)
    return { append, consume: rateOf(records.length, start) }
  } finally {
    await log.close()
  }
}

function measureBare(path: string, records: readonly MeasuredRecord[], { size, callers }: Manner): Rates {
  const bare = openBareLog(path)
  try {
    const rows = records.map(({ record, bytes }) => ({ key: record.key, bytes }))
    let start = performance.now()
    // Callers at once share a transaction, which is the best that a program could do by hand.
    for (const call of slices(rows, size * callers)) bare.append(call)
    const append = rateOf(rows.length, start)
    start = performance.now()
    const count = bare.consume('bench', BATCH)
    if (count !== rows.length) throw new Error(`${count} of ${rows.length} records were read.`)
    return { append, consume: rateOf(count, start) }
  } finally {
    bare.close()
  }
}

await withFolder(async (folder) => {
  const { title, source } = await benchSource(options, 100)
  const pictures = await readPictures(source, 0, quick ? 20 : 200)
  const rows: (string | number)[][] = []
  for (const [number, manner] of manners.entries()) {
    const records = pairRecords(pictures, manner.count, manner.carried)
    const file = (side: string, round: number) => join(folder, `${side}-${number}-${round}.db`)
    const rates = await alternate<'log' | 'bare', Rates>(rounds, {
      log: (round) => measureLog(file('log', round), records, manner),
      bare: async (round) => measureBare(file('bare', round), records, manner),
    })
    const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0) / records.length
    for (const direction of ['append', 'consume'] as const) {
      const [log, bare] = [rates.log.map((rate) => rate[direction]), rates.bare.map((rate) => rate[direction])]
      const what = direction === 'append' ? `append ${manner.name}` : `consume these, ${BATCH} a batch`
      const { median: ratio, least, greatest } = ratioByRound(log, bare)
      rows.push([
        what,
        `${figure(Math.round(bytes))} B`,
        Math.round(median(log)),
        Math.round(median(bare)),
        ratio.toFixed(2),
        `${least.toFixed(2)} to ${greatest.toFixed(2)}`,
      ])
    }
    progress(`${manner.name}: done`)
  }
  await present(
    {
      name: 'log-throughput',
      setting: [
        `Records: pairs of ${title}; ${PARTITIONS} partitions; ${rounds} rounds, the log and plain libsql in turn. WAL, synchronous=FULL on both sides; consumers commit their position after every batch.`,
      ],
      tables: [
        {
          columns: [
            '',
            'value',
            'log, records/s',
            'plain inserts and reads, records/s (peer)',
            'ratio',
            'over the rounds',
          ],
          rows,
        },
      ],
      targets: [],
    },
    options,
  )
})
