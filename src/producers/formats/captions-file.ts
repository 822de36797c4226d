import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { AppError } from '../../core/errors.ts'
import { parseSplit } from '../../core/split.ts'
import { countLines } from '../lines.ts'
import { assertInside, createPictureReader, shorten } from '../picture-files.ts'
import { csvRecords } from '../csv-records.ts'
import { faultOf, type Source, type SourceEntry } from '../source.ts'

const imageColumns = ['image', 'image_name', 'filename', 'file_name', 'file']
const captionColumns = ['caption', 'comment', 'text']
const pictureFolders = ['Images', 'images', 'Flicker8k_Dataset', '.']

type Columns = { readonly names: readonly string[]; readonly image: number; readonly caption: number }

/** The columns that a header line names, or null when it is not the header of a captions file. */
export function parseHeader(line: string): Columns | null {
  const names = line.split(',').map((name) =>
    name
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .toLowerCase(),
  )
  const image = names.findIndex((name) => imageColumns.includes(name))
  const caption = names.findIndex((name) => captionColumns.includes(name))
  return image < 0 || caption < 0 ? null : { names, image, caption }
}

function parseCsv(text: string): readonly string[] | null {
  try {
    const rows: string[][] = parse(text, { relax_column_count: true })
    return rows.length === 1 ? (rows[0] ?? null) : null
  } catch {
    return null
  }
}

/**
 * The fields of a record. Where the file has two columns, a record that is no CSV of two fields is read as `captions.txt` is
 * often written: what comes after the first comma is the caption, commas, quotes and all.
 */
function fieldsOf(text: string, columns: Columns): readonly string[] | null {
  const fields = parseCsv(text)
  if (fields?.length === columns.names.length) return fields
  if (columns.names.length !== 2 || columns.image !== 0) return null
  const comma = text.indexOf(',')
  return comma < 0
    ? null
    : [
        text
          .slice(0, comma)
          .trim()
          .replace(/^"(.*)"$/, '$1'),
        text.slice(comma + 1),
      ]
}

type Record = Pick<SourceEntry, 'imageName' | 'caption' | 'split' | 'metadata'>

/** Throws `source-entry-invalid`, `source-entry-unsafe` or `split-unknown`. */
function readRecord(text: string, columns: Columns): Record {
  const fields = fieldsOf(text, columns)
  if (fields === null) {
    const detail = `'${shorten(text)}' has not the ${columns.names.length} columns of the header; quote fields that contain commas.`
    throw new AppError('source-entry-invalid', detail)
  }
  const imageName = (fields[columns.image] ?? '').trim()
  if (imageName === '') throw new AppError('source-entry-invalid', 'The record names no picture.')
  assertInside(imageName)
  const others = columns.names
    .map((name, column) => [name, fields[column] ?? '', column] as const)
    .filter(
      ([name, value, column]) => column !== columns.image && column !== columns.caption && name !== '' && value !== '',
    )
  return {
    imageName,
    caption: fields[columns.caption] ?? '',
    split: parseSplit(others.find(([name]) => name === 'split')?.[1]),
    metadata: Object.fromEntries(others.filter(([name]) => name !== 'split').map(([name, value]) => [name, value])),
  }
}

/** Where the pictures lie: the first known folder beside the file that there is. */
async function pictureFolderBeside(path: string): Promise<string> {
  for (const name of pictureFolders) {
    const folder = join(dirname(path), name)
    const found = await stat(folder).catch(() => null)
    if (found?.isDirectory() === true) return folder
  }
  return dirname(path)
}

/** Kaggle's `captions.txt` or `captions.csv`: a header `image,caption`, pictures in `Images/` or beside the file. */
export async function captionsFileSource(path: string): Promise<Source> {
  const file = basename(path)
  const folder = await pictureFolderBeside(path)
  return {
    format: 'captions-file',
    describe: `captions of ${file} in ${basename(dirname(path))}`,
    total: Math.max(0, (await countLines(path)) - 1),
    async *entries() {
      const picture = createPictureReader(folder)
      let columns: Columns | null = null
      for await (const record of csvRecords(path)) {
        const source = `captions:${file}:${record.number}`
        if ('code' in record) {
          yield { source, code: record.code, detail: record.detail }
          continue
        }
        if (columns === null) {
          columns = parseHeader(record.text)
          if (columns !== null) continue
          yield {
            source,
            code: 'source-unrecognised',
            detail: `${file} does not begin with the header image,caption; add it.`,
          }
          return
        }
        try {
          const read = readRecord(record.text, columns)
          yield { ...read, image: picture(read.imageName), subject: null, source: `captions:${read.imageName}` }
        } catch (error) {
          yield faultOf(source, error)
        }
      }
    },
  }
}
