import { createReadStream } from 'node:fs'
import { AppError, type ErrorCode } from '../core/errors.ts'

/** A longer line is not held in memory; it is reported and skipped. */
export const MAX_LINE_BYTES = 1_000_000

export type Line =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly code: ErrorCode; readonly detail: string }

const NEWLINE = 0x0a
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The text of bytes that must be UTF-8, without a byte order mark. Throws `text-not-utf8`. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    throw new AppError('text-not-utf8', 'The text is not valid UTF-8; save it as UTF-8.', { cause: error })
  }
}

function decodeLine(number: number, parts: readonly Uint8Array[]): Line {
  const bytes = Buffer.concat(parts)
  try {
    return { number, text: decodeUtf8(bytes).replace(/\r$/, '') }
  } catch {
    return { number, code: 'text-not-utf8', detail: `Line ${number} is not valid UTF-8; save the file as UTF-8.` }
  }
}

const tooLong = (number: number): Line => ({
  number,
  code: 'source-entry-invalid',
  detail: `Line ${number} is longer than ${MAX_LINE_BYTES.toLocaleString('en')} bytes; shorten it.`,
})

/** The lines of a stream of bytes, counted from 1, without their ends; memory is bounded by one chunk and `MAX_LINE_BYTES`. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncIterable<Line> {
  let parts: Uint8Array[] = []
  let length = 0
  let number = 1
  const add = (part: Uint8Array): void => {
    length += part.length
    if (length <= MAX_LINE_BYTES) parts.push(part)
    else parts = []
  }
  const take = (): Line => {
    const line = length > MAX_LINE_BYTES ? tooLong(number) : decodeLine(number, parts)
    parts = []
    length = 0
    number += 1
    return line
  }
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end))
      yield take()
      start = end + 1
    }
    if (start < chunk.length) add(chunk.subarray(start))
  }
  if (length > 0) yield take()
}

/** The lines of a file. Throws what the file system throws; bad lines are yielded as such. */
export function linesOfFile(path: string): AsyncIterable<Line> {
  return linesOf(createReadStream(path) as AsyncIterable<Uint8Array>)
}

/** How many line ends a file has, without decoding it. */
export async function countLines(path: string): Promise<number> {
  let count = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) count += 1
  }
  return count
}
