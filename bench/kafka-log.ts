/**
 * Records a second into and out of the log on Kafka, beside kafkajs alone with the same bytes and the same durability:
 *
 *     node --import tsx bench/kafka-log.ts [--quick] [--dataset DIR] [--json] [--update]
 *
 * Starts Kafka and a schema registry, and downloads them the first time. The log also validates, encodes and decodes Avro, makes and reads
 * headers, and shares requests between callers. About two minutes.
 */
import { createKafkaLog } from '../src/adapters/event-log/kafka.ts'
import type { EventLog } from '../src/ports/event-log.ts'
import { bareRecord, openBareKafka, type BareKafka } from './support/bare-kafka.ts'
import { withFolder } from './support/bench-services.ts'
import { logOptions, startKafkaServers } from './support/kafka-servers.ts'
import { pairRecords, type MeasuredRecord } from './support/log-records.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { benchSource, readPictures } from './support/pictures.ts'
import { figure, present } from './support/report.ts'
import { alternate, timed } from './support/rounds.ts'
import { median, ratioByRound } from './support/statistics.ts'

const options = readOptions()
const { quick } = options
const rounds = quick ? 2 : 5
const PARTITIONS = 12
/** Records a batch of a consumer at most; kafkajs gives what a fetch brought. */
const BATCH = 256
const CALLERS = 64

/** How records are appended: `size` a call, `callers` at once. */
type Manner = {
  readonly name: string
  readonly count: number
  readonly size: number
  readonly callers: number
  readonly carried: boolean
  /** Whether there are enough of them that joining the group does not matter to reading them. */
  readonly consumed: boolean
}
const manners: readonly Manner[] = [
  { name: 'one at a time', count: quick ? 50 : 500, size: 1, callers: 1, carried: false, consumed: false },
  {
    name: `one a call, ${CALLERS} callers at once`,
    count: quick ? 512 : 10_000,
    size: 1,
    callers: CALLERS,
    carried: false,
    consumed: false,
  },
  { name: '256 a call', count: quick ? 2_048 : 100_000, size: 256, callers: 1, carried: false, consumed: true },
  {
    name: '64 a call, with the picture inside',
    count: quick ? 256 : 10_000,
    size: 64,
    callers: 1,
    carried: true,
    consumed: true,
  },
]

/** Records a second, in and out; NaN for what was not measured. */
type Rates = { readonly append: number; readonly consume: number }

function* slices<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

async function rateOf(count: number, work: () => Promise<unknown>): Promise<number> {
  return count / ((await timed(work)) / 1_000)
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

async function measureLog(log: EventLog, records: readonly MeasuredRecord[], manner: Manner): Promise<Rates> {
  const { length } = records
  const calls = slices(records, manner.size)
  const caller = async (): Promise<void> => {
    for (const call of calls) await log.append(call.map(({ record }) => record))
  }
  const append = await rateOf(length, () => Promise.all(Array.from({ length: manner.callers }, caller)))
  return { append, consume: manner.consumed ? await rateOf(length, () => consumeAll(log, length)) : Number.NaN }
}

async function measureBare(bare: BareKafka, records: readonly MeasuredRecord[], manner: Manner): Promise<Rates> {
  const { length } = records
  const messages = records.map((record) => bareRecord(record, PARTITIONS))
  const append = await rateOf(length, async () => {
    // Callers at once share a request, which is the best that a program could do by hand.
    for (const call of slices(messages, manner.size * manner.callers)) await bare.append(call)
  })
  return { append, consume: manner.consumed ? await rateOf(length, () => bare.consume(length)) : Number.NaN }
}

await withFolder(async (folder) => {
  const { title, source } = await benchSource(options, 100)
  const pictures = await readPictures(source, 0, quick ? 20 : 200)
  const servers = await startKafkaServers(folder)
  const rows: (string | number)[][] = []
  try {
    for (const [number, manner] of manners.entries()) {
      const records = pairRecords(pictures, manner.count, manner.carried)
      const log = await createKafkaLog(logOptions(servers, `log-${number}.`, PARTITIONS))
      const bare = await openBareKafka(servers.brokers, `bare-${number}`, PARTITIONS)
      const rates = await alternate<'log' | 'bare', Rates>(rounds, {
        log: () => measureLog(log, records, manner),
        bare: () => measureBare(bare, records, manner),
      })
      await log.close()
      await bare.close()
      const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0) / records.length
      for (const direction of manner.consumed ? (['append', 'consume'] as const) : (['append'] as const)) {
        const [ours, theirs] = [rates.log.map((rate) => rate[direction]), rates.bare.map((rate) => rate[direction])]
        const { median: ratio, least, greatest } = ratioByRound(ours, theirs)
        rows.push([
          direction === 'append' ? `append ${manner.name}` : 'consume these',
          `${figure(Math.round(bytes))} B`,
          Math.round(median(ours)),
          Math.round(median(theirs)),
          ratio.toFixed(2),
          `${least.toFixed(2)} to ${greatest.toFixed(2)}`,
        ])
      }
      progress(`${manner.name}: done`)
    }
    await present(
      {
        name: 'kafka-log',
        setting: [
          `Records: pairs of ${title}; ${PARTITIONS} partitions on one broker beside the benchmark; ${rounds} rounds, the log and kafkajs in turn. Idempotent, acks=-1, no compression on both sides.`,
          `Consumers commit after every batch, of at most ${BATCH} records in the log, of what a fetch brings in kafkajs; joining the group and leaving it are part of the time.`,
        ],
        tables: [
          {
            columns: ['', 'value', 'log, records/s', 'kafkajs, records/s (peer)', 'ratio', 'over the rounds'],
            rows,
          },
        ],
        targets: [],
      },
      options,
    )
  } finally {
    await servers.stop()
  }
})
