import { AppError } from '../core/errors.ts'

const captionField = /^(captions?|text|sentences?|description)(_\d+)?$/

/** Whether a field of a record holds captions, by its name. */
const isCaptionField = (name: string): boolean => captionField.test(name)

export type CaptionedFields = {
  /** One null where the record names no caption. */
  readonly captions: readonly (string | null)[]
  readonly split: string | null
  readonly subject: string | null
  readonly metadata: Readonly<Record<string, string>>
}

function captionsIn(name: string, value: unknown): readonly string[] {
  if (value === null || value === undefined) return []
  if (typeof value === 'string') return [value]
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  throw new AppError('source-entry-invalid', `The field ${name} is neither a text nor a list of texts.`)
}

function textIn(name: string, value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return value
  throw new AppError('source-entry-invalid', `The field ${name} is not a text.`)
}

/** A value of a record as the text that metadata hold; null for what has none, as bytes. */
function metadataText(value: unknown): string | null {
  if (value === null || value === undefined || value instanceof Uint8Array) return null
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))
}

/**
 * Sorts the fields of a record of any self-describing format: captions, split, subject, and everything else as metadata. Throws
 * `source-entry-invalid` where one of the first three has the wrong type.
 */
export function readCaptionedFields(
  record: Readonly<Record<string, unknown>>,
  without: readonly string[],
): CaptionedFields {
  const captions: string[] = []
  const metadata: [string, string][] = []
  for (const [name, value] of Object.entries(record)) {
    if (without.includes(name) || name === 'split' || name === 'subject') continue
    if (isCaptionField(name)) {
      captions.push(...captionsIn(name, value))
      continue
    }
    const text = metadataText(value)
    if (text !== null) metadata.push([name, text])
  }
  return {
    captions: captions.length === 0 ? [null] : captions,
    split: textIn('split', record['split']),
    subject: textIn('subject', record['subject']),
    metadata: Object.fromEntries(metadata),
  }
}
