import { plainNumber } from './figures.ts'
import { printable } from './terminal-text.ts'

export type Cell = string | number | null

/** `align` defaults to right where every cell of the column is a number or missing, and else to left. */
type Column = { readonly title: string; readonly align?: 'left' | 'right' }

const GAP = '  '

const textOf = (cell: Cell | undefined): string => {
  if (cell === null || cell === undefined) return '–'
  return typeof cell === 'number' ? plainNumber(cell) : printable(cell)
}

const widthOf = (text: string): number => Array.from(text).length

function isNumeric(cells: readonly (Cell | undefined)[]): boolean {
  const present = cells.filter((cell) => cell !== null && cell !== undefined)
  return present.length > 0 && present.every((cell) => typeof cell === 'number')
}

/**
 * A table as aligned plain text: titles, a rule, a line a row; without a line break at the end. Numbers get thousands
 * separators, null is shown as a dash. Rows may be shorter than the columns.
 */
export function formatTable(columns: readonly (Column | string)[], rows: readonly (readonly Cell[])[]): string {
  const layout = columns.map((column, index) => {
    const { title, align }: Column = typeof column === 'string' ? { title: column } : column
    const cells = rows.map((row) => row[index])
    const width = Math.max(widthOf(title), ...cells.map((cell) => widthOf(textOf(cell))))
    return { title, width, right: (align ?? (isNumeric(cells) ? 'right' : 'left')) === 'right' }
  })
  const line = (texts: readonly string[]): string =>
    layout
      .map(({ width, right }, index) => {
        const text = texts[index] ?? ''
        const space = ' '.repeat(width - widthOf(text))
        return right ? space + text : text + space
      })
      .join(GAP)
      .trimEnd()
  return [
    line(layout.map(({ title }) => title)),
    layout.map(({ width }) => '─'.repeat(width)).join(GAP),
    ...rows.map((row) => line(layout.map((_, index) => textOf(row[index])))),
  ].join('\n')
}
