import { randomId } from '../../core/ids.ts'
import { topics } from '../../core/events.ts'
import type { Services } from '../services.ts'
import { ownerObjection, RIGHT_STORE } from '../store-owner.ts'
import { fact, problem, warning, type Check, type Finding } from './check.ts'

/** Clocks that differ by more than this put times into a wrong order that matters, in milliseconds. */
const TOLERATED_SKEW = 5_000

const SET_CLOCKS = 'Have all machines keep time by NTP: erasures, graces and probations go by these times.'

/** Topics with few partitions, or with records that anybody may write. */
const datedTopics = ['pairs', 'erasures', 'retraining.requested', 'models.trained', 'releases'] as const

const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`

/** What counts in these is which record came first. */
const oneOrder = ['retraining.requested', 'models.trained', 'releases', 'erasures', 'rerankers', 'audit'] as const

/** Whether the topics can be read and are as configured. */
export const logCheck = ({ log, config }: Services): Check => ({
  name: 'event log',
  async run() {
    const findings: Finding[] = []
    let records = 0
    for (const topic of topics) for (const end of (await log.endOffsets(topic)).values()) records += end
    const partitions = await log.partitions('pairs')
    if (partitions !== config.PARTITIONS) {
      const text = `pairs has ${partitions} partitions, and PARTITIONS is ${config.PARTITIONS}`
      findings.push(problem(text, `Set PARTITIONS=${partitions}; the count is fixed once the log exists.`))
    }
    for (const topic of oneOrder) {
      const count = await log.partitions(topic)
      if (count === 1) continue
      const text = `${topic} has ${count} partitions, and needs one order of its records`
      findings.push(problem(text, `Make the topic anew with one partition, or start with a new KAFKA_PREFIX.`))
    }
    return [fact(`${topics.length} topics, ${partitions} partitions of pairs, ${records} records written`), ...findings]
  },
})

/** Whether the log's clock, which decides what came first, agrees with this machine's. */
export const clockCheck = ({ log, clock }: Services): Check => ({
  name: 'clock',
  async run() {
    let newest = -Infinity
    for (const topic of datedTopics) {
      for (const [partition, end] of await log.endOffsets(topic)) {
        const record = end === 0 ? null : await log.read(topic, partition, end - 1)
        newest = Math.max(newest, record?.timestamp ?? -Infinity)
      }
    }
    if (newest === -Infinity) return [fact('the log holds no record to compare with')]
    const ahead = newest - clock()
    if (ahead > TOLERATED_SKEW)
      return [problem(`the newest record in the log is of ${seconds(ahead)} in the future`, SET_CLOCKS)]
    return [fact('no record in the log is of the future')]
  },
})

/** Whether the catalogue has folded what is in the log. */
export const catalogueCheck = ({ catalogue, log, holdsFolder }: Services): Check => ({
  name: 'catalogue',
  async run() {
    // Opening it has compared its version with the program's, and waited for what was in the log then.
    const { images, pairs } = catalogue.counts()
    if (holdsFolder) await catalogue.caughtUp(log)
    const isCaughtUp = await catalogue.isCaughtUp(log)
    const what = `${images} pictures, ${pairs} captioned pairs`
    if (isCaughtUp) return [fact(`${what}, caught up with the log`)]
    const fix = 'Under load this passes; where it stays, look at the log of the process that works on the folder.'
    return [warning(`${what}, behind the log`, fix)]
  },
})

/** Whether a blob can be put, read back and deleted, and whether the store is this log's. */
export const blobCheck = ({ blobs, log, clock }: Services): Check => ({
  name: 'blob store',
  async run() {
    const key = `probe/${randomId()}`
    const bytes = new TextEncoder().encode(key)
    const before = clock()
    await blobs.put(key, bytes)
    const after = clock()
    const found = await blobs.get(key)
    const putAt = (await blobs.info(key))?.putAt ?? null
    await blobs.delete(key)
    if (found === null || Buffer.compare(found, bytes) !== 0 || putAt === null)
      return [problem('it does not give back what was put', 'Check that nothing caches or rewrites what it holds.')]
    if ((await blobs.get(key)) !== null)
      return [problem('it keeps what was deleted', 'Give this user the right to delete; erasure needs it.')]
    // Servers tell whole seconds.
    const skew = Math.max(before - putAt, putAt - after)
    if (skew > TOLERATED_SKEW) return [problem(`its clock differs from this machine's by ${seconds(skew)}`, SET_CLOCKS)]
    const objection = await ownerObjection({ log, blobs })
    if (objection !== null) return [problem(objection, RIGHT_STORE)]
    return [fact('puts, gives back and deletes')]
  },
})
