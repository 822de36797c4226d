import { embedGroup } from '../../core/consumer-groups.ts'
import { viewReleases } from '../../core/release-chain.ts'
import { allDeadLetters } from '../dead-letters.ts'
import { consumerLag, type Lag } from '../lag.ts'
import type { Services } from '../services.ts'
import { fact, warning, type Check, type Finding } from './check.ts'

/** A record that has waited for longer than this while somebody consumes is stuck, in milliseconds. */
const STUCK_AFTER = 300_000

/** Whether the consumer groups keep up. */
export const lagCheck = (services: Services): Check => ({
  name: 'consumers',
  async run() {
    const behind = (await consumerLag(services.log, services.catalogue)).filter(({ records }) => records > 0)
    if (behind.length === 0) return [fact('every group has read everything')]
    return Promise.all(behind.map((lag) => lagFinding(services, lag)))
  },
})

async function lagFinding(
  { log, catalogue, clock, isAlone }: Services,
  { group, topic, records }: Lag,
): Promise<Finding> {
  const committed = await log.committedOffsets(group, topic)
  let oldest = Infinity
  for (const [partition, end] of await log.endOffsets(topic)) {
    const next = committed.get(partition) ?? 0
    const waiting = next < end ? await log.read(topic, partition, next) : null
    oldest = Math.min(oldest, waiting?.timestamp ?? Infinity)
  }
  const text = `${group} is ${records} records of ${topic} behind`
  // A build begins with the oldest records, which says nothing of how long it has been at it.
  const build = viewReleases(catalogue.releases()).build
  if (build !== null && group === embedGroup(build.generation)) return fact(`${text}, as it is being built`)
  if (clock() - oldest <= STUCK_AFTER || oldest === Infinity) return fact(text)
  const minutes = Math.round((clock() - oldest) / 60_000)
  const fix = isAlone
    ? "Nobody consumes: run 'pairstream serve'."
    : 'Look at the log of the process with this role: it may wait for a server, train, or build an index.'
  return warning(`${text}, the oldest for ${minutes} minutes`, fix)
}

/** How many records were given up and not replayed since. */
export const deadLetterCheck = ({ log }: Services): Check => ({
  name: 'dead records',
  async run() {
    const waiting = (await allDeadLetters(log)).filter(({ replay }) => replay === null)
    if (waiting.length === 0) return [fact('none that was not replayed')]
    const causes = [...new Set(waiting.map(({ cause }) => cause))].join(', ')
    const fix = "See 'pairstream dead-letters list'; put the cause right and replay them."
    return [warning(`${waiting.length} (${causes})`, fix)]
  },
})
