import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import type { AsyncBuffer, FileMetaData } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { parseSplit, type Split } from '../../core/split.ts'
import { readCaptionedFields } from '../captioned-fields.ts'
import { splitOfFileName } from '../file-split.ts'
import { faultOf, type Source, type SourceEntry, type SourceFault } from '../source.ts'

/** Rows are read in runs that take about this much memory, decoded. */
const RUN_BYTES = 256_000_000

export const isParquetName = (name: string): boolean => /\.parquet$/i.test(name)

type Opened = { readonly buffer: AsyncBuffer; readonly metadata: FileMetaData; readonly imageColumn: string }

/** The column that holds pictures: one called `image`, else the first struct with a member `bytes`. */
function imageColumnOf(metadata: FileMetaData): string | null {
  const columns = parquetSchema(metadata).children
  const named = columns.find(({ element }) => element.name === 'image')
  const structured = columns.find(({ children }) => children.some(({ element }) => element.name === 'bytes'))
  return (named ?? structured)?.element.name ?? null
}

async function openFile(path: string): Promise<Opened | SourceFault> {
  const source = basename(path)
  try {
    const buffer = await asyncBufferFromFile(path)
    const metadata = await parquetMetadataAsync(buffer)
    const imageColumn = imageColumnOf(metadata)
    if (imageColumn !== null) return { buffer, metadata, imageColumn }
    const detail = 'The file has no column with pictures; name it image, with the members bytes and path.'
    return { source, code: 'source-entry-invalid', detail }
  } catch {
    return { source, code: 'source-entry-invalid', detail: 'The file is no readable parquet file; fetch it again.' }
  }
}

/** Runs of rows within row groups: a whole group where it is small enough, parts of it where it is not. */
function* runsOf(metadata: FileMetaData): Iterable<{ readonly start: number; readonly end: number }> {
  let groupStart = 0
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows)
    const groupEnd = groupStart + rows
    const size = Math.max(1, Math.floor((rows * RUN_BYTES) / Math.max(RUN_BYTES, Number(group.total_byte_size))))
    for (let start = groupStart; start < groupEnd; start += size) yield { start, end: Math.min(groupEnd, start + size) }
    groupStart = groupEnd
  }
}

// Invalid UTF-8 becomes U+FFFD here, which the publisher refuses; throwing would cost the rows beside it.
const lenient = new TextDecoder('utf-8')

async function readRun({ buffer, metadata }: Opened, start: number, end: number): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({
    file: buffer,
    metadata,
    rowStart: start,
    rowEnd: end,
    compressors,
    useOffsetIndex: true,
    // Binary columns without a logical type are pictures here, not text.
    utf8: false,
    parsers: { stringFromBytes: (bytes: Uint8Array) => lenient.decode(bytes) },
  })
}

/** The bytes and the name in an image column, which is a struct of both or binary. */
function pictureIn(value: unknown): { readonly bytes: Uint8Array; readonly path: string | null } | null {
  if (value instanceof Uint8Array) return { bytes: value, path: null }
  if (typeof value !== 'object' || value === null) return null
  const { bytes, path } = value as { bytes?: unknown; path?: unknown }
  return bytes instanceof Uint8Array ? { bytes, path: typeof path === 'string' ? path : null } : null
}

function* entriesOfRow(
  row: Readonly<Record<string, unknown>>,
  imageColumn: string,
  source: string,
  fileSplit: Split | null,
): Iterable<SourceEntry | SourceFault> {
  const picture = pictureIn(row[imageColumn])
  if (picture === null) {
    const detail = `The column ${imageColumn} holds no picture in this row.`
    yield { source, code: 'source-entry-invalid', detail }
    return
  }
  try {
    const { captions, split, subject, metadata } = readCaptionedFields(row, [imageColumn])
    const image = (): Promise<Uint8Array> => Promise.resolve(picture.bytes)
    const shared = { image, imageName: picture.path ?? source, subject, metadata, source }
    const named = parseSplit(split) ?? fileSplit
    for (const caption of captions) yield { ...shared, caption, split: named }
  } catch (error) {
    yield faultOf(source, error)
  }
}

async function filesAt(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  const names = (await readdir(path, { recursive: true })).filter(isParquetName)
  return names.sort().map((name) => join(path, name))
}

/**
 * Parquet files as Hugging Face lays them out: a struct `image` of `bytes` and `path`, captions in columns called `caption`, `text`,
 * `sentences` and the like (text or lists, also numbered); other columns are metadata. The split comes from a column or a file's name.
 */
export function parquetSource(path: string): Source {
  return {
    format: 'parquet',
    describe: `parquet ${basename(path)}`,
    total: null,
    async *entries() {
      for (const file of await filesAt(path)) {
        const opened = await openFile(file)
        if ('code' in opened) {
          yield opened
          continue
        }
        const name = basename(file)
        for (const { start, end } of runsOf(opened.metadata)) {
          let rows: Record<string, unknown>[]
          try {
            rows = await readRun(opened, start, end)
          } catch {
            const detail = `Rows ${start} to ${end - 1} are damaged; fetch the file again.`
            yield { source: `${name}:${start}`, code: 'source-entry-invalid', detail }
            continue
          }
          for (const [index, row] of rows.entries()) {
            yield* entriesOfRow(row, opened.imageColumn, `${name}:${start + index}`, splitOfFileName(name))
          }
        }
      }
    },
  }
}
