import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { machine, progress } from './machine.ts'
import type { BenchOptions } from './options.ts'

export type Table = {
  readonly columns: readonly string[]
  /** Numbers are shown with three significant digits, or as they are where they are whole. */
  readonly rows: readonly (readonly (string | number)[])[]
}

/** A figure that is to be reached. */
export type Target = { readonly what: string; readonly met: boolean }

export type Report = {
  /** Of the script, and of its section in `docs/benchmarks.md`. */
  readonly name: string
  /** What was measured on what, a sentence each. */
  readonly setting: readonly string[]
  readonly tables: readonly Table[]
  readonly targets: readonly Target[]
}

const DOCUMENT = resolve(import.meta.dirname, '../../docs/benchmarks.md')
const grouped = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })

/** A number as it is read: `12,345`, `123`, `12.3`, `0.0123`. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (Number.isInteger(value) || Math.abs(value) >= 100) return grouped.format(value)
  return String(Number(value.toPrecision(3)))
}

/** A table in Markdown; the first column at the left, the others at the right. */
export function markdownTable({ columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = columns.map((_, index) => (index === 0 ? '---' : '---:'))
  const body = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? figure(cell) : cell)))
  return [columns, rule, ...body].map(line).join('\n')
}

/** The report in Markdown, the machine and the settings above the tables. */
export function markdownReport({ setting, tables, targets }: Report, machineLine: string): string {
  const about = [`Machine: ${machineLine}.`, ...setting].join('\n')
  const reached = targets.map(({ what, met }) => `- ${what}: ${met ? 'met' : '**missed**'}`).join('\n')
  return [about, ...tables.map(markdownTable), reached].filter((part) => part !== '').join('\n\n')
}

/** The document with the text between the marks of `name` replaced. Throws where it has no such marks. */
export function replaceSection(document: string, name: string, text: string): string {
  const [begin, end] = [`<!-- figures: ${name} -->`, `<!-- end of figures: ${name} -->`]
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md has no section between ${begin} and ${end}.`)
  return `${document.slice(0, from + begin.length)}\n\n${text}\n\n${document.slice(to)}`
}

/** Prints the report and, where it was asked for, puts it into the document. A full run that misses a target ends with status 1. */
export async function present(report: Report, options: BenchOptions): Promise<void> {
  const on = machine()
  if (options.json) process.stdout.write(`${JSON.stringify({ ...report, machine: on, quick: options.quick })}\n`)
  else process.stdout.write(`\n## ${report.name}\n\n${markdownReport(report, on)}\n`)
  if (options.quick) {
    progress('a quick run: the figures mean nothing, and targets are not held against it')
    return
  }
  if (report.targets.some(({ met }) => !met)) process.exitCode = 1
  if (!options.update) return
  const document = replaceSection(await readFile(DOCUMENT, 'utf8'), report.name, markdownReport(report, on))
  await writeFile(DOCUMENT, await format(document, { ...(await resolveConfig(DOCUMENT)), filepath: DOCUMENT }))
  progress(`docs/benchmarks.md has the figures of ${report.name}`)
}
