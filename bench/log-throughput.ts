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
import { openBareLog } from './support/bare-log.ts'
import { withFolder } from './support/bench-services.ts'
import { appendAll, consumeAll, rateOf, rateRow, slices, type Manner, type Rates } from './support/log-rates.ts'
import { pairRecords, type MeasuredRecord } from './support/log-records.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { benchSource, readPictures } from './support/pictures.ts'
import { present } from './support/report.ts'
import { alternate } from './support/rounds.ts'

const options = readOptions()
const { quick } = options
const rounds = quick ? 2 : 5
const PARTITIONS = 12
/** Records a batch of a consumer. */
const BATCH = 256
const CALLERS = 64

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

async function measureLog(path: string, records: readonly MeasuredRecord[], manner: Manner): Promise<Rates> {
  const log = createSqliteLog({ path, partitions: PARTITIONS })
  try {
    const append = await rateOf(records.length, () => appendAll(log, records, manner))
    return { append, consume: await rateOf(records.length, () => consumeAll(log, records.length, BATCH)) }
  } finally {
    await log.close()
  }
}

async function measureBare(
  path: string,
  records: readonly MeasuredRecord[],
  { size, callers }: Manner,
): Promise<Rates> {
  const bare = openBareLog(path)
  try {
    const rows = records.map(({ record, bytes }) => ({ key: record.key, bytes }))
    const append = await rateOf(rows.length, async () => {
      // Callers at once share a transaction, which is the best that a program could do by hand.
      for (const call of slices(rows, size * callers)) bare.append(call)
    })
    const consume = await rateOf(rows.length, async () => {
      const count = bare.consume('bench', BATCH)
      if (count !== rows.length) throw new Error(`${count} of ${rows.length} records were read.`)
    })
    return { append, consume }
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
      bare: (round) => measureBare(file('bare', round), records, manner),
    })
    for (const direction of ['append', 'consume'] as const) {
      const what = direction === 'append' ? `append ${manner.name}` : `consume these, ${BATCH} a batch`
      const ofSide = (side: 'log' | 'bare') => rates[side].map((rate) => rate[direction])
      rows.push(rateRow(what, records, ofSide('log'), ofSide('bare')))
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
