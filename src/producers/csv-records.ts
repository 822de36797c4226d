import { linesOfFile, MAX_LINE_BYTES, type Line } from './lines.ts'

/** A quoted field goes on over at most this many lines; past it the quote is taken for a mere character. */
const MAX_LINES_A_RECORD = 20

const quotes = (text: string): number => text.split('"').length - 1

/** Whether a quoted field that begins on this line ends on a later one (RFC 4180: a quote inside a field is doubled). */
const staysOpen = (text: string): boolean => /(^|,)"/.test(text) && quotes(text) % 2 === 1

/**
 * The records of a CSV file: lines, joined where a quoted field holds a line break. A quote that is never closed does not swallow
 * the file: its lines are then records of their own. Blank lines are passed over.
 */
export async function* csvRecords(path: string): AsyncIterable<Line> {
  let open: Line[] = []
  let text = ''
  for await (const line of linesOfFile(path)) {
    if (open.length === 0) {
      if ('code' in line || !staysOpen(line.text)) {
        if ('code' in line || line.text.trim() !== '') yield line
        continue
      }
      open = [line]
      text = line.text
      continue
    }
    open.push(line)
    if ('code' in line || open.length > MAX_LINES_A_RECORD || text.length + line.text.length > MAX_LINE_BYTES) {
      yield* open
      open = []
      continue
    }
    text += `\n${line.text}`
    if (quotes(line.text) % 2 === 0) continue
    yield { number: open[0]?.number ?? line.number, text }
    open = []
  }
  yield* open
}
