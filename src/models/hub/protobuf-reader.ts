import { readSync } from 'node:fs'
import { AppError } from '../../core/errors.ts'

/** A field of a message: its number, and where its content lies where it is a message, a text or bytes. */
export type Field = { readonly number: number; readonly begin: number; readonly end: number; readonly isBytes: boolean }

/**
 * Walks through the messages of a file without holding it: weights are stepped over unread. Stricter than the format allows, so that
 * no other reader can see something else in the same bytes. Throws `model-corrupt`.
 */
export type ProtobufReader = {
  fields(begin: number, end: number): Iterable<Field>
  text(field: Field): string
}

const WINDOW = 64 * 1024
/** Far more than any network has, and read in a second or two. */
const MOST_FIELDS = 20_000_000
const LONGEST_TEXT = 4_096

/** Reads an open file of `size` bytes; `path` is for messages. */
export function createProtobufReader(file: number, size: number, path: string): ProtobufReader {
  const window = Buffer.alloc(WINDOW)
  let windowBegin = 0
  let windowEnd = 0
  let fieldsRead = 0

  const corrupt = (): AppError => new AppError('model-corrupt', `${path} is not an ONNX file; do not use this model.`)

  function byteAt(position: number): number {
    if (position < windowBegin || position >= windowEnd) {
      if (position >= size) throw corrupt()
      windowBegin = position
      windowEnd = position + readSync(file, window, 0, WINDOW, position)
      if (windowEnd === windowBegin) throw corrupt()
    }
    return window[position - windowBegin] ?? 0
  }

  /** A number of at most `length` bytes, seven bits each, and the position after it. */
  function varint(position: number, end: number, length: number): [value: number, next: number] {
    let value = 0
    for (let index = 0; index < length; index++) {
      if (position + index >= end) throw corrupt()
      const byte = byteAt(position + index)
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return [value, position + index + 1]
    }
    throw corrupt()
  }

  function* fields(begin: number, end: number): Iterable<Field> {
    let position = begin
    while (position < end) {
      if (++fieldsRead > MOST_FIELDS) throw corrupt()
      const [tag, afterTag] = varint(position, end, 5)
      const number = Math.floor(tag / 8)
      if (tag >= 2 ** 32 || number === 0) throw corrupt()
      const field = contentOf(tag % 8, afterTag, end)
      if (field.end > end) throw corrupt()
      yield { number, ...field }
      position = field.end
    }
  }

  function contentOf(wireType: number, position: number, end: number): Omit<Field, 'number'> {
    if (wireType === 0) return { begin: position, end: varint(position, end, 10)[1], isBytes: false }
    if (wireType === 1) return { begin: position, end: position + 8, isBytes: false }
    if (wireType === 5) return { begin: position, end: position + 4, isBytes: false }
    // What is left are groups, which ONNX never had.
    if (wireType !== 2) throw corrupt()
    const [length, from] = varint(position, end, 5)
    return { begin: from, end: from + length, isBytes: true }
  }

  return {
    fields,
    text({ begin, end }) {
      if (end - begin > LONGEST_TEXT) throw corrupt()
      return Buffer.from(Array.from({ length: end - begin }, (_, index) => byteAt(begin + index))).toString('utf8')
    },
  }
}
