/** What text is printed to: its width in columns, null where lines may be of any length, and whether it shows colours. */
export type Screen = { readonly width: number | null; readonly coloured: boolean }

const colours = { grey: 90, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const
export type Colour = keyof typeof colours

/** The text in a colour, where the screen shows any. */
export const paint = (text: string, colour: Colour, { coloured }: Screen): string =>
  coloured ? `\u001b[${colours[colour]}m${text}\u001b[39m` : text

/** One line with its spaces, but without control characters: captions are users' data and may hold escape codes. */
export const printableLine = (line: string): string => line.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trimEnd()

/** The text on one line, without control characters and without white space around it. */
export const printable = (text: string): string => printableLine(text).trim()

/** The text cut to a width, with an ellipsis where something was cut. */
export function cut(text: string, width: number): string {
  const characters = Array.from(text)
  if (characters.length <= width) return text
  return width < 1
    ? ''
    : `${characters
        .slice(0, width - 1)
        .join('')
        .trimEnd()}…`
}

/** The words of the text on lines of at most `width`; a longer word is broken. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line: string[] = []
  for (const word of text.split(' ')) {
    let rest = Array.from(word)
    if (line.length > 0 && line.length + 1 + rest.length > width) {
      lines.push(line.join(''))
      line = []
    }
    while (rest.length > width) {
      lines.push(rest.slice(0, width).join(''))
      rest = rest.slice(width)
    }
    line = line.length === 0 ? rest : [...line, ' ', ...rest]
  }
  return [...lines, line.join('')]
}
