import { basename, dirname } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { parseSplit } from '../../core/split.ts'
import { splitOfFileName } from '../file-split.ts'
import { linesOfFile } from '../lines.ts'
import { assertInside, createPictureReader, shorten } from '../picture-files.ts'
import { readCaptionedFields, type CaptionedFields } from '../captioned-fields.ts'
import { faultOf, type Source, type SourceEntry, type SourceFault } from '../source.ts'

const imageFields = ['image', 'file_name', 'image_path', 'path']

function parseObject(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new AppError('source-entry-invalid', `'${shorten(text)}' is not JSON.`, { cause: error })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new AppError('source-entry-invalid', `'${shorten(text)}' is not a JSON object.`)
}

/** Throws `source-entry-invalid` or `source-entry-unsafe`. */
function readLine(text: string): { readonly imageName: string; readonly fields: CaptionedFields } {
  const object = parseObject(text)
  const field = imageFields.find((name) => Object.hasOwn(object, name))
  const imageName = field === undefined ? null : object[field]
  if (field === undefined || typeof imageName !== 'string' || imageName === '') {
    throw new AppError('source-entry-invalid', 'The record has no field image with the name of a picture file.')
  }
  assertInside(imageName)
  return { imageName, fields: readCaptionedFields(object, [field]) }
}

async function* entriesOfFile(path: string): AsyncIterable<SourceEntry | SourceFault> {
  const file = basename(path)
  const picture = createPictureReader(dirname(path))
  for await (const line of linesOfFile(path)) {
    const place = `${file}:${line.number}`
    if ('code' in line) {
      yield { source: place, code: line.code, detail: line.detail }
      continue
    }
    if (line.text.trim() === '') continue
    try {
      const { imageName, fields } = readLine(line.text)
      const split = parseSplit(fields.split) ?? splitOfFileName(file)
      const { captions, subject, metadata } = fields
      const shared = { image: picture(imageName), imageName, split, subject, metadata, place }
      for (const caption of captions) yield { ...shared, caption, source: `${file}:${metadata['id'] ?? imageName}` }
    } catch (error) {
      yield faultOf(place, error)
    }
  }
}

/**
 * Files with a JSON object a line: `image` (relative to the file, inside its folder), `caption` or `captions`, optionally `split`
 * and `subject`; all other fields, `id` among them, are metadata. Also reads the `metadata.jsonl` of Hugging Face image folders.
 */
export function jsonLinesSource(paths: readonly string[]): Source {
  return {
    format: 'json-lines',
    describe: `JSON lines ${paths.map((path) => basename(path)).join(', ')}`,
    total: null,
    async *entries() {
      for (const path of paths) yield* entriesOfFile(path)
    },
  }
}
