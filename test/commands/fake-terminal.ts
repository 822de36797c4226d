import { Writable } from 'node:stream'

/** A stream that says it is a terminal, and draws what is written as a terminal would. */
export type FakeTerminal = Writable & {
  readonly isTTY: true
  readonly columns: number
  /** All that was written. */
  written(): string
  /** The lines now to be seen, without colours, trailing spaces and empty lines at the end. */
  screen(): string[]
}

const control = /^\u001b\[(\d*)([A-Za-z])/

/** Draws text with line feeds, carriage returns and the escape codes that move the cursor or clear. */
export function draw(text: string, columns: number): string[] {
  const rows: string[][] = [[]]
  let [row, column] = [0, 0]
  const line = (): string[] => (rows[row] ??= [])
  for (let at = 0; at < text.length;) {
    const escape = control.exec(text.slice(at, at + 12))
    if (escape !== null) {
      const [whole, digits = '', letter] = escape
      const count = digits === '' ? 1 : Number(digits)
      if (letter === 'A') row = Math.max(0, row - count)
      else if (letter === 'B') row += count
      else if (letter === 'G') column = count - 1
      else if (letter === 'K') line().splice(digits === '2' ? 0 : column)
      else if (letter === 'J') {
        line().splice(column)
        rows.splice(row + 1)
      } else if (letter !== 'm') throw new Error(`unexpected escape code ${JSON.stringify(whole)}`)
      at += whole.length
      continue
    }
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0)
    at += character.length
    if (character === '\n') {
      row += 1
      column = 0 // as with the terminal's usual translation of line feeds
    } else if (character === '\r') column = 0
    else {
      if (column >= columns) {
        row += 1
        column = 0
      }
      const current = line()
      while (current.length < column) current.push(' ')
      current[column] = character
      column += 1
    }
  }
  const lines = Array.from(rows, (cells: string[] | undefined) => (cells ?? []).join('').trimEnd())
  return lines.slice(0, lines.findLastIndex((drawn) => drawn !== '') + 1)
}

export function fakeTerminal(columns = 80): FakeTerminal {
  let text = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString('utf8')
      done()
    },
  })
  return Object.assign(stream, {
    isTTY: true as const,
    columns,
    written: () => text,
    screen: () => draw(text, columns),
  })
}
