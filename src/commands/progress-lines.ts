import { topics } from '../core/events.ts'
import { duration, wholeNumber } from './figures.ts'
import { cut, paint, printable, printableLine, wrap, type Colour, type Screen } from './terminal-text.ts'

/** A stage at one moment; `total` is null where nobody knows how much there is. */
export type StageMoment = {
  readonly name: string
  readonly total: number | null
  readonly done: number
  readonly note: string
  readonly elapsed: number
}

const NAME_WIDTH = 20
const BAR_WIDTH = 14
const TOPIC_WIDTH = Math.max(...topics.map((topic) => topic.length))
const NARROWEST_TEXT = 20

const topicColours: readonly Colour[] = ['cyan', 'green', 'yellow', 'magenta', 'blue', 'red']

/** A topic has the same colour on every line, and a dead topic that of its source. */
function colourOf(topic: string): Colour {
  const index = topics.findIndex((known) => topic === known || topic === `${known}.dead`)
  return topicColours[index] ?? 'grey'
}

const shareOf = ({ done, total }: StageMoment): number =>
  total === null || total <= 0 ? 1 : Math.min(1, Math.max(0, done / total))

/** How fast it goes, or how long it still takes at the mean pace so far. */
function pace({ done, total, elapsed }: StageMoment): string {
  if (done <= 0 || elapsed <= 0) return ''
  const perSecond = (1000 * done) / elapsed
  if (total === null || done >= total) return `${perSecond < 10 ? perSecond.toFixed(1) : wholeNumber(perSecond)}/s`
  return `${duration((1000 * (total - done)) / perSecond)} left`
}

const amount = ({ done, total }: StageMoment): string =>
  total === null ? `${wholeNumber(done)} so far` : `${wholeNumber(done)}/${wholeNumber(total)}`

function bar(share: number): string {
  const filled = Math.round(share * BAR_WIDTH)
  return '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled)
}

const percentOf = (stage: StageMoment): string => `${Math.floor(100 * shareOf(stage))} %`

/** A stage on a terminal: name, bar, percentage, done/total, time left or rate, note; cut at the right where it is too wide. */
export function barLine(stage: StageMoment, width: number): string {
  const name = cut(printable(stage.name), NAME_WIDTH).padEnd(NAME_WIDTH)
  const measure = stage.total === null ? '' : `${bar(shareOf(stage))} ${percentOf(stage).padStart(5)}`
  const parts = [name, measure, amount(stage), pace(stage), printable(stage.note)]
  return cut(`  ${parts.filter((part) => part !== '').join('  ')}`, width)
}

/** A stage as a line of its own in a file or a pipe. */
export function plainLine(stage: StageMoment): string {
  const share = stage.total === null ? '' : percentOf(stage).padStart(5)
  const parts = [share, amount(stage), pace(stage), printable(stage.note)]
  return `    ${parts.filter((part) => part !== '').join('  ')}`
}

export const startLine = (name: string, total: number | null): string =>
  `▸ ${printable(name)}${total === null ? '' : ` (${wholeNumber(total)})`}`

/** How a stage ended, with how long it took; wrapped under its own beginning. */
export function endLine(name: string, line: string, elapsed: number, failed: boolean, screen: Screen): string {
  const mark = paint(failed ? '✗' : '✓', failed ? 'red' : 'green', screen)
  const text = `${printable(name)}: ${printable(line)} (${duration(elapsed)})`
  const lines = screen.width === null ? [text] : wrap(text, Math.max(NARROWEST_TEXT, screen.width - 3))
  return `${mark} ${lines.join('\n  ')}`
}

const INDENT = '  '

/** Text that no topic carried: one line is wrapped, several are taken for a table or the like and left as they are. */
function plainText(text: string, { width }: Screen): string {
  const given = text.split('\n').map(printableLine)
  const [only] = given
  const wrapped =
    only === undefined || given.length > 1 || width === null ? given : wrap(only, textWidthOn(width, INDENT))
  return wrapped.map((line) => (line === '' ? '' : INDENT + line)).join('\n')
}

const textWidthOn = (width: number, indent: string): number => Math.max(NARROWEST_TEXT, width - indent.length - 1)

/** Something that happened, beside the topic that carried it; the text wraps within its column, the topic is never cut. */
export function eventLine(topic: string | null, text: string, screen: Screen): string {
  if (topic === null) return plainText(text, screen)
  const column = `${topic.padEnd(TOPIC_WIDTH)}  ▸ `
  const indent = INDENT + ' '.repeat(column.length)
  const one = printable(text)
  const lines = screen.width === null ? [one] : wrap(one, textWidthOn(screen.width, indent))
  return `${INDENT}${paint(topic.padEnd(TOPIC_WIDTH), colourOf(topic), screen)}  ▸ ${lines.join(`\n${indent}`)}`
}
