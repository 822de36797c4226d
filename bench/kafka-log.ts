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
/** Records a batch of a consumer at most; kafkajs gives what a fetch brought. */
const BATCH = 256
const CALLERS = 64

type KafkaManner = Manner & {
  /** Whether there are enough of them that joining the group does not matter to reading them. */
  readonly consumed: boolean
}
const manners: readonly KafkaManner[] = [
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

/** `consume` is NaN where it is not measured. */
async function measureLog(log: EventLog, records: readonly MeasuredRecord[], manner: KafkaManner): Promise<Rates> {
  const append = await rateOf(records.length, () => appendAll(log, records, manner))
  const consume = () => rateOf(records.length, () => consumeAll(log, records.length, BATCH))
  return { append, consume: manner.consumed ? await consume() : Number.NaN }
}

async function measureBare(bare: BareKafka, records: readonly MeasuredRecord[], manner: KafkaManner): Promise<Rates> {
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
      for (const direction of manner.consumed ? (['append', 'consume'] as const) : (['append'] as const)) {
        const what = direction === 'append' ? `append ${manner.name}` : 'consume these'
        const ofSide = (side: 'log' | 'bare') => rates[side].map((rate) => rate[direction])
        rows.push(rateRow(what, records, ofSide('log'), ofSide('bare')))
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
