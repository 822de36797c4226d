import { topics, type Topic } from '../core/events.ts'
import type { DeadRecord, EventLog } from '../ports/event-log.ts'

type Coordinates = { readonly partition: number; readonly offset: number }

/** A record that was given up: where its dead record lies, where it came from, and what was done about it since. */
export type DeadLetter = Coordinates & {
  /** The source topic; the dead record lies in `<topic>.dead`. */
  readonly topic: Topic
  readonly key: string
  /** Milliseconds since the epoch. */
  readonly diedAt: number
  /** An error code, as whoever buried it wrote it. */
  readonly cause: string
  readonly group: string | null
  readonly attempts: number
  /** Where its topic held it; null where the dead record does not say. */
  readonly origin: Coordinates | null
  readonly headers: Readonly<Record<string, string>>
  readonly replay: Replay | null
}

/** Where its topic took the record again, when and for whom, and as which dead letter it ended, if it died again. */
type Replay = Coordinates & {
  readonly at: number
  readonly by: string
  readonly diedAgain: (Coordinates & { readonly cause: string }) | null
}

/**
 * A replay is recorded beside the dead record, in the same partition and under the same key: a record whose header `replay_of`
 * names the offset of the dead record. Such a marker is no dead letter itself.
 */
const MARKER = 'replay_of'

export const replayMarker = (
  letter: DeadLetter,
  to: Coordinates,
  by: string,
  at: number,
): { readonly [MARKER]: string } & Readonly<Record<string, string>> => ({
  [MARKER]: String(letter.offset),
  replay_partition: String(to.partition),
  replay_offset: String(to.offset),
  replayed_by: by,
  replayed_at: String(at),
})

const name = ({ partition, offset }: Coordinates): string => `${partition}/${offset}`

function coordinates(partition: string | undefined, offset: string | undefined): Coordinates | null {
  const isWhole = (text: string | undefined): text is string => text !== undefined && /^\d+$/.test(text)
  return isWhole(partition) && isWhole(offset) ? { partition: Number(partition), offset: Number(offset) } : null
}

/** The dead letters of a topic, oldest first, each with its replay. */
export async function deadLettersOf(log: EventLog, topic: Topic): Promise<readonly DeadLetter[]> {
  const records = await log.dead(topic)
  const letters = records.filter(({ headers }) => headers[MARKER] === undefined)
  const markers = new Map(
    records.flatMap((record) => {
      const of = record.headers[MARKER]
      return of === undefined ? [] : [[`${record.partition}/${of}`, record]]
    }),
  )
  const byOrigin = new Map(
    letters.flatMap((letter) => {
      const origin = originOf(letter)
      return origin === null ? [] : [[name(origin), letter]]
    }),
  )
  return letters.map((record) => {
    const { partition, offset, key, timestamp, headers } = record
    const marker = markers.get(name(record))
    return {
      topic,
      partition,
      offset,
      key,
      diedAt: timestamp,
      cause: headers['cause'] ?? 'internal',
      group: headers['group'] ?? null,
      attempts: Number(headers['attempts'] ?? 0),
      origin: originOf(record),
      headers,
      replay: marker === undefined ? null : replayOf(marker, byOrigin),
    }
  })
}

const originOf = ({ headers }: DeadRecord): Coordinates | null =>
  coordinates(headers['origin_partition'], headers['origin_offset'])

function replayOf({ timestamp, headers }: DeadRecord, byOrigin: ReadonlyMap<string, DeadRecord>): Replay | null {
  const to = coordinates(headers['replay_partition'], headers['replay_offset'])
  if (to === null) return null
  const died = byOrigin.get(name(to))
  return {
    ...to,
    at: Number(headers['replayed_at'] ?? timestamp),
    by: headers['replayed_by'] ?? 'unknown',
    diedAgain:
      died === undefined
        ? null
        : { partition: died.partition, offset: died.offset, cause: died.headers['cause'] ?? 'internal' },
  }
}

/** All dead letters, topic by topic. */
export async function allDeadLetters(log: EventLog): Promise<readonly DeadLetter[]> {
  return (await Promise.all(topics.map((topic) => deadLettersOf(log, topic)))).flat()
}
