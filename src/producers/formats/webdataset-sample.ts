import { AppError } from '../../core/errors.ts'
import { parseSplit } from '../../core/split.ts'
import { captionsOf } from '../caption-lines.ts'
import { readCaptionedFields, type CaptionedFields } from '../captioned-fields.ts'
import { decodeUtf8, linesOf } from '../lines.ts'
import { faultOf, type SourceEntry, type SourceFault } from '../source.ts'

/** The members of an archive that share a key, by the end of their names. */
export type Sample = { readonly shard: string; readonly key: string; readonly parts: Map<string, Uint8Array> }

export const pictureParts: readonly string[] = ['jpg', 'jpeg', 'png', 'webp']
export const textParts: readonly string[] = ['txt', 'json']

const nothing: CaptionedFields = { captions: [null], split: null, subject: null, metadata: {} }

/** Throws `text-not-utf8` or `source-entry-invalid`. */
function readJson(bytes: Uint8Array | undefined, key: string): CaptionedFields {
  if (bytes === undefined) return nothing
  const text = decodeUtf8(bytes)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new AppError('source-entry-invalid', `${key}.json is not JSON.`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('source-entry-invalid', `${key}.json is not a JSON object.`)
  }
  return readCaptionedFields(value as Record<string, unknown>, [])
}

/** The pairs of a sample: captions from its `.txt`, one a line, else from its `.json`; the other fields of that are metadata. */
export async function* entriesOfSample(sample: Sample): AsyncIterable<SourceEntry | SourceFault> {
  const source = `${sample.shard}:${sample.key}`
  const part = pictureParts.find((name) => sample.parts.has(name))
  const picture = part === undefined ? undefined : sample.parts.get(part)
  if (part === undefined || picture === undefined) {
    const detail = `The sample has no picture (${pictureParts.join(', ')}).`
    yield { source, code: 'source-entry-invalid', detail }
    return
  }
  try {
    const fields = readJson(sample.parts.get('json'), sample.key)
    const text = sample.parts.get('txt')
    const { captions, faults } =
      text === undefined ? { captions: fields.captions, faults: [] } : await captionsOf(linesOf([text]), source)
    const { subject, metadata } = fields
    const split = parseSplit(fields.split)
    const image = (): Promise<Uint8Array> => Promise.resolve(picture)
    for (const caption of captions) {
      yield { image, imageName: `${sample.key}.${part}`, caption, split, subject, metadata, source }
    }
    yield* faults
  } catch (error) {
    yield faultOf(source, error)
  }
}
