import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { parse } from 'csv-parse/sync'
import { AppError, type ErrorCode } from '../../core/errors.ts'
import { csvRecords } from '../csv-records.ts'
import { linesOfFile, type Line } from '../lines.ts'
import { readRecord, type JudgementSource, type ReadJudgement } from './judgement-source.ts'

const COLUMNS = ['query', 'document', 'relevance', 'source', 'created_at'] as const

/**
 * The judgements of a `.jsonl`, `.ndjson` or `.csv` file. Throws `source-not-found` where there is none, `source-unrecognised` for another
 * kind of file or, while it is read, a CSV file without the columns.
 */
export async function openJudgementFile(path: string): Promise<JudgementSource> {
  const kind = extname(path).toLowerCase()
  const read = kind === '.csv' ? readCsv : kind === '.jsonl' || kind === '.ndjson' ? readJsonLines : null
  if (read === null) {
    throw new AppError('source-unrecognised', `${path} is neither .jsonl nor .csv; judgements come as one of them.`)
  }
  if ((await stat(path).catch(() => null))?.isFile() !== true) {
    throw new AppError('source-not-found', `There is no file ${path}; check the path.`)
  }
  return { describe: path, read: () => read(path) }
}

const placeOf = (line: number): string => `line ${line}`

async function* readJsonLines(path: string): AsyncIterable<ReadJudgement> {
  for await (const line of linesOfFile(path)) {
    if ('code' in line) yield faultOf(line)
    else if (line.text.trim() !== '') yield readRecord(placeOf(line.number), jsonOf(line.text))
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function* readCsv(path: string): AsyncIterable<ReadJudgement> {
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
      yield readRecord(placeOf(record.number), Object.fromEntries(columns.map((name, at) => [name, fields[at]])))
    } else {
      const detail = `has not the ${columns.length} columns of the header; quote fields that contain commas or quotes.`
      yield { place: placeOf(record.number), code: 'source-entry-invalid', detail }
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

const faultOf = ({ number, code, detail }: Extract<Line, { readonly code: ErrorCode }>): ReadJudgement => ({
  place: placeOf(number),
  code,
  detail,
})
