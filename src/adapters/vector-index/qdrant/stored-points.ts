import type { Schemas } from '@qdrant/js-client-rest'
import { isUuid } from '../../../core/ids.ts'
import { splits, type Split } from '../../../core/split.ts'
import { valueOf, type ValueKind } from '../../../core/value-range.ts'
import type { Payload, Point, PointKind } from '../../../ports/vector-index.ts'
import { WORDS, wordsIn } from './words.ts'

/** A path in Qdrant has no way to write a quotation mark or a backslash, so names of metadata are stored without. */
const storedName = (name: string): string => name.replaceAll('%', '%25').replaceAll('"', '%22').replaceAll('\\', '%5C')

const givenName = (stored: string): string =>
  stored.replaceAll('%5C', '\\').replaceAll('%22', '"').replaceAll('%25', '%')

/** The objects of a payload that hold metadata: as texts, and what of them reads as a number or a date. */
export const metadataGroups = ['metadata', 'numbers', 'dates'] as const
type MetadataGroup = (typeof metadataGroups)[number]

/** The path of a metadata field for filters and payload indexes, quoted exactly where Qdrant itself would quote it. */
export function metadataPath(group: MetadataGroup, name: string): string {
  const stored = storedName(name)
  return /^[\p{Alphabetic}\p{N}_-]+$/u.test(stored) ? `${group}.${stored}` : `${group}."${stored}"`
}

/** A time as Qdrant compares it. */
export const storedDate = (milliseconds: number): string => new Date(milliseconds).toISOString()

const storedValue = { numbers: (value: number) => value, dates: storedDate } as const

/** What of the metadata reads as a number or a date; Qdrant compares no texts. Without the object where nothing does. */
function comparable(kind: ValueKind, metadata: Payload['metadata']) {
  const values = Object.entries(metadata).flatMap(([name, text]) => {
    const value = valueOf(kind, text)
    return value === null ? [] : [[storedName(name), storedValue[kind](value)] as const]
  })
  return values.length === 0 ? {} : { [kind]: Object.fromEntries(values) }
}

/** How Qdrant calls the vector without a name where it stands among others. */
export const UNNAMED = ''

/**
 * Vectors as numbers in JSON, and beside that of a caption its words; payload as `imageId`, `captions`, `split`, `offset` and the objects
 * `metadata`, `numbers` and `dates`.
 */
export function storedPoint(kind: PointKind, { id, vector, payload }: Point): Schemas['PointStruct'] {
  const { imageId, captions, split, metadata, offset } = payload
  const words = kind === 'captions' ? wordsIn(captions.join(' ')) : null
  const numbers = Array.from(vector)
  return {
    id,
    vector: words === null ? numbers : { [UNNAMED]: numbers, [WORDS]: words },
    payload: {
      imageId,
      captions,
      split,
      offset,
      metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [storedName(name), value])),
      ...comparable('numbers', metadata),
      ...comparable('dates', metadata),
    },
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isSplit = (value: unknown): value is Split => splits.some((split) => split === value)

/** The payload of a point, or null for a point that somebody else has put here. */
export function payloadOf(stored: Schemas['Record']['payload']): Payload | null {
  const { imageId, captions, split, metadata, offset } = stored ?? {}
  if (!isText(imageId) || !Array.isArray(captions) || !captions.every(isText) || !isSplit(split)) return null
  if (typeof metadata !== 'object' || metadata === null) return null
  const fields = Object.entries(metadata)
  if (!fields.every((field): field is [string, string] => isText(field[1]))) return null
  return {
    imageId,
    captions,
    split,
    offset: typeof offset === 'number' ? offset : -1,
    metadata: Object.fromEntries(fields.map(([name, value]) => [givenName(name), value])),
  }
}

/** The id of one of our points, or null: outside programs may use numbers. */
export const idOf = ({ id }: Pick<Schemas['Record'], 'id'>): string | null =>
  typeof id === 'string' && isUuid(id) ? id : null

/** The whole point, or null for one that somebody else has put here. */
export function pointOf(record: Schemas['Record']): Point | null {
  const id = idOf(record)
  const payload = payloadOf(record.payload)
  const { vector } = record
  if (id === null || payload === null || !Array.isArray(vector)) return null
  const values = vector.filter((value) => typeof value === 'number')
  return values.length === vector.length ? { id, vector: Float32Array.from(values), payload } : null
}
