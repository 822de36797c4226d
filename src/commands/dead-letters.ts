import { AppError, errorCodes } from '../core/errors.ts'
import { topics, type Topic } from '../core/events.ts'
import { allDeadLetters, deadLettersOf, type DeadLetter } from '../roles/dead-letters.ts'
import { print, printJson, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { formatTable } from './table.ts'
import { withLog } from './with-services.ts'

export type DeadLettersOptions = { readonly json?: boolean }

const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString()

const titleOf = (cause: string): string =>
  Object.hasOwn(errorCodes, cause) ? errorCodes[cause as keyof typeof errorCodes].title : 'Unknown cause'

/** What was done about it since: nothing, or where it was appended again, and how that ended. */
function replayText({ topic, replay }: DeadLetter): string {
  if (replay === null) return 'no'
  const { partition, offset, diedAgain } = replay
  const to = `as ${topic} ${partition} ${offset}`
  if (diedAgain === null) return to
  return `${to}, and died again: ${diedAgain.cause} (${topic}.dead ${diedAgain.partition} ${diedAgain.offset})`
}

function facts(letter: DeadLetter) {
  const { topic, partition, offset, key, diedAt, cause, group, attempts, origin, replay } = letter
  return {
    topic: `${topic}.dead`,
    partition,
    offset,
    key,
    diedAt: timeOf(diedAt),
    cause,
    title: titleOf(cause),
    group,
    attempts,
    origin: { topic, partition: origin?.partition ?? null, offset: origin?.offset ?? null },
    replay: replay === null ? null : { ...replay, at: timeOf(replay.at) },
  }
}

/** Lists what was given up, topic by topic, oldest first, with what was replayed since and died again. */
export function listDeadLetters({ json }: DeadLettersOptions, context: CommandContext): Promise<ExitName> {
  return withLog<ExitName>(context, async (log) => {
    const letters = await allDeadLetters(log)
    if (json === true) printJson(context, letters.map(facts))
    else if (letters.length === 0) print(context, 'There are no dead records.')
    else {
      const columns = ['dead record', 'origin', 'cause', 'meaning', 'attempts', 'died at', 'replayed']
      const rows = letters.map((letter) => {
        const { topic, origin, partition, offset, cause, attempts, diedAt } = letter
        return [
          `${topic}.dead ${partition} ${offset}`,
          `${topic} ${origin?.partition ?? '?'} ${origin?.offset ?? '?'}`,
          cause,
          titleOf(cause),
          attempts,
          timeOf(diedAt),
          replayText(letter),
        ]
      })
      print(context, formatTable(columns, rows))
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
  return withLog<ExitName>(context, async (log) => {
    const { partition, offset } = coordinates
    const topic = sourceTopic(coordinates.topic)
    const letter = letterAt(await deadLettersOf(log, topic), topic, partition, offset)
    const { origin } = letter
    const original = origin === null ? null : await log.read(topic, origin.partition, origin.offset)
    const value = original?.value ?? null
    const shown = {
      ...facts(letter),
      headers: letter.headers,
      original: original === null ? null : { key: original.key, value: withoutBytes(value) },
    }
    // A record has too many fields of too many kinds for a table, so that people read it as programs do.
    if (json === true) printJson(context, shown)
    else {
      const group = letter.group ?? 'an unknown group'
      print(context, `${letter.cause}: ${titleOf(letter.cause)}, after ${letter.attempts} attempts by ${group}`)
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
export function sourceTopic(name: string): Topic {
  const topic = topics.find((known) => name === known || name === `${known}.dead`)
  if (topic === undefined)
    throw new AppError('invalid-request', `There is no topic ${name}; the topics are ${topics.join(', ')}.`)
  return topic
}

/** The dead letter at these coordinates of the dead topic. Throws `invalid-request` where there is none. */
export function letterAt(letters: readonly DeadLetter[], topic: Topic, partition: number, offset: number): DeadLetter {
  const letter = letters.find((known) => known.partition === partition && known.offset === offset)
  if (letter === undefined) {
    const detail = `There is no dead record ${topic}.dead ${partition} ${offset}; see 'pairstream dead-letters list'.`
    throw new AppError('invalid-request', detail)
  }
  return letter
}
