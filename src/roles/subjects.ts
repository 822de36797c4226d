import type { SubjectData, SubjectErasure } from '../api/dependencies.ts'
import type { NewRecord } from '../ports/event-log.ts'
import { readNewest } from '../ports/newest-records.ts'
import { erasureRecords } from './commands.ts'
import { inTime } from './dependencies.ts'
import type { Services } from './services.ts'

type SubjectServices = Pick<Services, 'catalogue' | 'log' | 'clock'>

/** Records that are appended at once; those of a pair stay together, as the number is even and pairs go first. */
const BATCH = 500

/** Reads the topics of what people asked and did to their ends, so it takes as long as they are. Throws `log-unavailable` after `patience` milliseconds without an answer. */
async function keptOf({ catalogue, log }: SubjectServices, subject: string, patience: number, signal?: AbortSignal) {
  await inTime(catalogue.caughtUp(log), 'log-unavailable', patience)
  const ofSubject = ({ principal }: { readonly principal: string | null }): boolean => principal === subject
  const { values: queries } = await readNewest(log, 'queries', signal, ofSubject)
  // What others made of the subject's searches tells of these.
  const { values: feedback } = await readNewest(
    log,
    'feedback',
    signal,
    (given) => ofSubject(given) || queries.has(given.queryId),
  )
  return { pairs: catalogue.pairsOfSubject(subject), queries, feedback }
}

/** All that is kept of a subject now; empty where it is not known. */
export async function subjectData(
  services: SubjectServices,
  subject: string,
  patience: number,
  signal?: AbortSignal,
): Promise<SubjectData> {
  const { pairs, queries, feedback } = await keptOf(services, subject, patience, signal)
  return { pairs, queries: [...queries.values()], feedback: [...feedback.values()] }
}

/**
 * Erases every pair of the subject as `erasePair` does, and takes back what was asked and judged. Repeating it changes nothing, and finishes
 * what was interrupted.
 */
export async function eraseSubject(
  services: SubjectServices,
  subject: string,
  requestedBy: string,
  patience: number,
): Promise<SubjectErasure> {
  const { pairs, queries, feedback } = await keptOf(services, subject, patience)
  const tombstones: NewRecord[] = [
    ...pairs.flatMap((pair) => erasureRecords(pair, requestedBy, services.clock())),
    ...[...queries.keys()].map((key) => ({ topic: 'queries', key, value: null }) as const),
    ...[...feedback.keys()].map((key) => ({ topic: 'feedback', key, value: null }) as const),
  ]
  for (let at = 0; at < tombstones.length; at += BATCH) await services.log.append(tombstones.slice(at, at + BATCH))
  return { pairIds: pairs.map(({ pairId }) => pairId), queries: queries.size, feedback: feedback.size }
}
