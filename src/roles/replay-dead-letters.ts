import { AppError, toAppError } from '../core/errors.ts'
import { deadTopicOf, type Topic } from '../core/events.ts'
import { parsePairKey } from '../core/ids.ts'
import type { LogRecord, NewRecord } from '../ports/event-log.ts'
import { replayMarker, type DeadLetter } from './dead-letters.ts'
import type { Services } from './services.ts'

export const replayOutcomes = {
  replayed: 'appended to its topic again',
  'replayed-before': 'was appended to its topic again already',
  superseded: 'a newer record of its key counts, so the old one stays where it is',
  compacted: 'the log no longer holds it; publish it again',
  'pair-erased': 'the pair was erased and may not come back; restore it first',
  'record-unreadable': 'it cannot be decoded; its producer has to send it anew',
  'too-large': 'the record leaves no room for the note that it was replayed; publish it again',
  'origin-unknown': 'the dead record does not say where it came from',
} as const

export type ReplayOutcome = keyof typeof replayOutcomes

export type Replayed = {
  readonly letter: DeadLetter
  readonly outcome: ReplayOutcome
  /** Where its topic took it again, this time. */
  readonly to: Place | null
}

type Place = { readonly partition: number; readonly offset: number }

type ReplayServices = Pick<Services, 'catalogue' | 'log' | 'clock'>

/** What decides, judges or erases counts when it is said: said again later, it could undo what has been said since. */
const notReplayable: ReadonlySet<Topic> = new Set(['releases', 'erasures', 'rerankers', 'judgements', 'audit'])

/**
 * Appends the originals of dead letters to their topics again, to the same partitions, with the header `replayed_from`. Consumers look
 * at the state, so a crash between the append and its marker only makes the next replay repeat it.
 */
export async function replayDeadLetters(
  services: ReplayServices,
  letters: readonly DeadLetter[],
  requestedBy: string,
): Promise<readonly Replayed[]> {
  const refused = letters.find(({ topic }) => notReplayable.has(topic))
  if (refused !== undefined)
    throw new AppError('invalid-request', `What was decided in ${refused.topic} cannot be said again by a replay.`)
  await services.catalogue.caughtUp(services.log)
  // Several groups may have given up the same record: it is appended once, for all of them.
  const appended = new Map<string, Place>()
  const replayed: Replayed[] = []
  for (const letter of letters) replayed.push(await replayOne(services, letter, requestedBy, appended))
  return replayed
}

async function replayOne(
  services: ReplayServices,
  letter: DeadLetter,
  requestedBy: string,
  appended: Map<string, Place>,
): Promise<Replayed> {
  const { log, clock } = services
  const { topic, origin } = letter
  const ended = (outcome: ReplayOutcome): Replayed => ({ letter, outcome, to: null })
  if (letter.replay !== null) return ended('replayed-before')
  if (origin === null) return ended('origin-unknown')
  const from = `${topic}/${origin.partition}/${origin.offset}`
  const at = clock()
  let to = appended.get(from)
  if (to === undefined) {
    const original = await log.read(topic, origin.partition, origin.offset)
    if (original === null) return ended('compacted')
    const reason = reasonNotTo(services, original)
    if (reason !== null) return ended(reason)
    const headers = { ...original.headers, replayed_from: from, replayed_at: String(at) }
    const positions = await log.append([appendable(original, headers)]).catch((error: unknown) => {
      if (toAppError(error).code === 'payload-too-large') return null
      throw error
    })
    if (positions === null) return ended('too-large')
    const [position] = positions
    if (position === undefined) throw new AppError('internal', 'The log took the record without saying where.')
    to = { partition: position.partition, offset: position.offset }
    appended.set(from, to)
  }
  const { partition, key } = letter
  await log.append([{ topic: deadTopicOf(topic), key, partition, headers: replayMarker(letter, to, requestedBy, at) }])
  return { letter, outcome: 'replayed', to }
}

/** The newest record of a pair is what counts and what compaction keeps, so an old one must not become the newest. */
function reasonNotTo({ catalogue }: ReplayServices, record: LogRecord): ReplayOutcome | null {
  if (record.problem !== null) return 'record-unreadable'
  const ids = record.topic === 'pairs' ? parsePairKey(record.key) : null
  if (ids === null) return null
  const isErased = catalogue.isErased(ids.pairId)
  // A tombstone of an erasure that was lifted would erase anew.
  if (record.value === null) return isErased ? null : 'superseded'
  if (isErased) return 'pair-erased'
  const pair = catalogue.pair(ids.pairId)
  if (pair === null) return null
  const { partition, offset } = pair.position
  return pair.erased || (partition === record.partition && offset > record.offset) ? 'superseded' : null
}

const appendable = (record: LogRecord, headers: Readonly<Record<string, string>>): NewRecord => {
  const { topic, key, value, partition } = record
  // A record as it was read: its value is that of its topic.
  return { topic, key, value, partition, headers } as NewRecord
}
