import { AppError, errorCodes } from '../core/errors.ts'
import { topics, type Topic } from '../core/events.ts'
import type { DeadRecord, EventLog } from '../ports/event-log.ts'
import { print, printJson, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { formatTable } from './table.ts'
import { withServices } from './with-services.ts'

export type DeadLettersOptions = { readonly json?: boolean }

const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString()

async function allDead(log: EventLog): Promise<readonly DeadRecord[]> {
  const dead = await Promise.all(topics.map((topic) => log.dead(topic)))
  return dead.flat()
}

const titleOf = (cause: string): string =>
  Object.hasOwn(errorCodes, cause) ? errorCodes[cause as keyof typeof errorCodes].title : 'Unknown cause'

/** Where a dead record came from and why it died, out of its headers. */
function facts({ topic, partition, offset, key, timestamp, headers }: DeadRecord) {
  const cause = headers['cause'] ?? 'internal'
  return {
    topic,
    partition,
    offset,
    key,
    diedAt: timeOf(timestamp),
    cause,
    title: titleOf(cause),
    group: headers['group'] ?? null,
    attempts: Number(headers['attempts'] ?? 0),
    origin: {
      topic: headers['origin_topic'] ?? null,
      partition: Number(headers['origin_partition'] ?? Number.NaN),
      offset: Number(headers['origin_offset'] ?? Number.NaN),
    },
  }
}

/** Lists what was given up, topic by topic, oldest first. */
export function listDeadLetters({ json }: DeadLettersOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async ({ log }) => {
    const dead = (await allDead(log)).map(facts)
    if (json === true) printJson(context, dead)
    else if (dead.length === 0) print(context, 'There are no dead records.')
    else {
      const rows = dead.map(({ topic, partition, offset, cause, title, attempts, origin, diedAt }) => [
        `${topic} ${partition} ${offset}`,
        `${origin.topic ?? '?'} ${origin.partition} ${origin.offset}`,
        cause,
        title,
        attempts,
        diedAt,
      ])
      print(context, formatTable(['dead record', 'origin', 'cause', 'meaning', 'attempts', 'died at'], rows))
    }
    return 'ok'
  })
}

/** Shows one dead record, with what the log still holds of the record it stands for. */
export function showDeadLetter(
  coordinates: { readonly topic: string; readonly partition: number; readonly offset: number },
  { json }: DeadLettersOptions,
  context: CommandContext,
): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async ({ log }) => {
    const source = sourceTopic(coordinates.topic)
    const { partition, offset } = coordinates
    const record = (await log.dead(source)).find((dead) => dead.partition === partition && dead.offset === offset)
    if (record === undefined) {
      const detail = `There is no dead record ${source}.dead ${partition} ${offset}; see 'pairstream dead-letters list'.`
      throw new AppError('invalid-request', detail)
    }
    const known = facts(record)
    const original = await log.read(source, known.origin.partition, known.origin.offset)
    const value = original?.value ?? null
    const shown = {
      ...known,
      headers: record.headers,
      original: original === null ? null : { key: original.key, value: withoutBytes(value) },
    }
    // A record has too many fields of too many kinds for a table, so that people read it as programs do.
    if (json === true) printJson(context, shown)
    else {
      print(
        context,
        `${known.cause}: ${known.title}, after ${known.attempts} attempts by ${known.group ?? 'an unknown group'}`,
      )
      print(context, JSON.stringify(shown, null, 2))
    }
    return 'ok'
  })
}

const withoutBytes = (value: object | null): object | null =>
  value === null
    ? null
    : Object.fromEntries(
        Object.entries(value).map(([name, field]) => [
          name,
          field instanceof Uint8Array ? `${field.length} bytes` : (field as unknown),
        ]),
      )

/** The topic of `pairs` or `pairs.dead`. */
function sourceTopic(name: string): Topic {
  const topic = topics.find((known) => name === known || name === `${known}.dead`)
  if (topic === undefined)
    throw new AppError('invalid-request', `There is no topic ${name}; the topics are ${topics.join(', ')}.`)
  return topic
}
