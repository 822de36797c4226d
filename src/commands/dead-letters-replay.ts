import { AppError } from '../core/errors.ts'
import { deadLettersOf, type DeadLetter } from '../roles/dead-letters.ts'
import { replayDeadLetters, replayOutcomes, type Replayed, type ReplayOutcome } from '../roles/replay-dead-letters.ts'
import { audited } from './audited.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import { letterAt, sourceTopic } from './dead-letters.ts'
import type { ExitName } from './exit-codes.ts'
import { formatTable } from './table.ts'
import { withServices } from './with-services.ts'

export type ReplayDeadOptions = {
  readonly partition?: number
  readonly offset?: number
  readonly all?: boolean
  readonly by: string
  readonly json?: boolean
}

/** What needs nobody's attention: it was done, or there is nothing to do. */
const settled: ReadonlySet<ReplayOutcome> = new Set(['replayed', 'replayed-before', 'superseded'])

/** Appends the originals of dead records to their topic again; says of each what became of it. */
export function replayDead(topicName: string, options: ReplayDeadOptions, context: CommandContext): Promise<ExitName> {
  const topic = sourceTopic(topicName)
  const chosen = choose(options)
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    const letters = await deadLettersOf(services.log, topic)
    const wanted =
      chosen === 'all'
        ? letters.filter(({ replay }) => replay === null)
        : [letterAt(letters, topic, chosen.partition, chosen.offset)]
    const count = (done: readonly Replayed[]) => done.filter(({ outcome }) => outcome === 'replayed').length
    const deed = { action: 'dead-letters:replay', object: topic, by: options.by, count }
    const replayed = await audited(services, deed, () => replayDeadLetters(services, wanted, options.by))
    if (options.json === true) printJson(context, replayed.map(facts))
    else if (replayed.length === 0) print(context, nothingLeft(letters, topic))
    else print(context, formatTable(['dead record', 'key', 'outcome', 'meaning'], replayed.map(row)))
    if (services.isAlone && replayed.some(({ outcome }) => outcome === 'replayed'))
      remark(context, "Nobody consumes it now: start 'pairstream serve'.")
    return replayed.every(({ outcome }) => settled.has(outcome)) ? 'ok' : 'rejected'
  })
}

function choose({ partition, offset, all }: ReplayDeadOptions): 'all' | { partition: number; offset: number } {
  const isNamed = partition !== undefined || offset !== undefined
  if (all === true && !isNamed) return 'all'
  if (all !== true && partition !== undefined && offset !== undefined) return { partition, offset }
  throw new AppError(
    'invalid-request',
    'Name one dead record by --partition and --offset, as the list shows it, or replay --all of the topic.',
  )
}

const nothingLeft = (letters: readonly DeadLetter[], topic: string): string =>
  letters.length === 0
    ? `There are no dead records in ${topic}.dead.`
    : `Every dead record in ${topic}.dead was replayed already.`

const facts = ({ letter, outcome, to }: Replayed) => {
  const { topic, partition, offset, key, cause } = letter
  return { topic: `${topic}.dead`, partition, offset, key, cause, outcome, to: to === null ? null : { topic, ...to } }
}

function row({ letter, outcome, to }: Replayed): string[] {
  const { topic, partition, offset, key, replay } = letter
  const died = replay?.diedAgain ?? null
  const again = died === null ? '' : `, and died again as ${topic}.dead ${died.partition} ${died.offset}`
  const where = to === null ? '' : ` as ${topic} ${to.partition} ${to.offset}`
  return [`${topic}.dead ${partition} ${offset}`, key, outcome, `${replayOutcomes[outcome]}${where}${again}`]
}
