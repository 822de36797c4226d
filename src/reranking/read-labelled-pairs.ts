import { extname } from 'node:path'
import { parse } from 'csv-parse/sync'
import { AppError, type ErrorCode } from '../core/errors.ts'
import { csvRecords } from '../producers/csv-records.ts'
import { linesOfFile, type Line } from '../producers/lines.ts'
import { labelledPairRecord, type LabelledPair } from './labelled-pair.ts'

/** A record of a file: a pair, or what is wrong with it. */
export type ReadPair =
  | { readonly line: number; readonly pair: LabelledPair }
  | { readonly line: number; readonly code: ErrorCode; readonly detail: string }

const COLUMNS = ['query', 'document', 'relevance', 'source', 'created_at'] as const

/**
 * The labelled pairs of a `.jsonl` or `.csv` file, one at a time; a record that cannot be read is yielded as such, with line and field, and
 * the others still come. Throws `source-unrecognised` for another kind of file or a CSV file without the columns, and what the file
 * system throws.
 */
export function readLabelledPairs(path: string): AsyncIterable<ReadPair> {
  const kind = extname(path).toLowerCase()
  if (kind === '.jsonl' || kind === '.ndjson') return readJsonLines(path)
  if (kind === '.csv') return readCsv(path)
  throw new AppError('source-unrecognised', `${path} is neither .jsonl nor .csv; labelled pairs come as one of them.`)
}

async function* readJsonLines(path: string): AsyncIterable<ReadPair> {
  for await (const line of linesOfFile(path)) {
    if ('code' in line) yield faultOf(line)
    else if (line.text.trim() !== '') yield checked(line.number, jsonOf(line.text))
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function* readCsv(path: string): AsyncIterable<ReadPair> {
  let columns: readonly string[] | null = null
  for await (const record of csvRecords(path)) {
    if ('code' in record) {
      yield faultOf(record)
      continue
    }
    const fields = fieldsOf(record.text)
    if (columns === null) {
      columns = (fields ?? []).map((name) => name.trim().toLowerCase())
      const missing = COLUMNS.filter((name) => columns?.includes(name) !== true)
      if (missing.length === 0) continue
      throw new AppError('source-unrecognised', `${path} has no column ${missing.join(', ')}; the first line names them.`) // prettier-ignore
    }
    if (fields?.length === columns.length) {
      yield checked(record.number, Object.fromEntries(columns.map((name, column) => [name, fields[column]])))
    } else {
      const detail = `Line ${record.number} has not the ${columns.length} columns of the header; quote fields that contain commas or quotes.`
      yield { line: record.number, code: 'source-entry-invalid', detail }
    }
  }
}

/** The fields of one record; null where it is no CSV. */
function fieldsOf(text: string): readonly string[] | null {
  try {
    const rows: string[][] = parse(text, { relax_column_count: true })
    return rows.length === 1 ? (rows[0] ?? null) : null
  } catch {
    return null
  }
}

const faultOf = ({ number, code, detail }: Extract<Line, { readonly code: ErrorCode }>): ReadPair => ({
  line: number,
  code,
  detail,
})

function checked(line: number, value: unknown): ReadPair {
  const result = labelledPairRecord.safeParse(value)
  if (result.success) return { line, pair: result.data }
  const faults = result.error.issues.map(({ path, message }) => (path.length === 0 ? 'is no JSON object' : `${path.join('.')} ${message}`)) // prettier-ignore
  return { line, code: 'source-entry-invalid', detail: `Line ${line}: ${faults.join('; ')}.` }
}
