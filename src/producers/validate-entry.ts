import { MAX_CAPTION_LENGTH, normaliseCaption } from '../core/caption.ts'
import { AppError } from '../core/errors.ts'
import { parseSplit, type Split } from '../core/split.ts'

const MAX_METADATA_FIELDS = 64
const MAX_METADATA_NAME = 64
const MAX_METADATA_VALUE = 4_096
const MAX_SUBJECT_LENGTH = 256

/** What a producer says of a picture; every field is checked. */
export type EntryFields = {
  readonly caption: string | null
  readonly subject: string | null
  readonly split: string | null
  readonly metadata: Readonly<Record<string, string>>
}

export type ValidFields = {
  /** What the pair's id is made of. */
  readonly normalisedCaption: string | null
  /** What is published: as it came, unless white space makes it longer than a caption may be. */
  readonly caption: string | null
  readonly subject: string | null
  readonly split: Split | null
  readonly metadata: Readonly<Record<string, string>>
}

function validateMetadata(metadata: Readonly<Record<string, unknown>>): void {
  const fields = Object.entries(metadata)
  if (fields.length > MAX_METADATA_FIELDS) {
    throw new AppError(
      'metadata-invalid',
      `There are ${fields.length} metadata; at most ${MAX_METADATA_FIELDS} are kept.`,
    )
  }
  for (const [name, value] of fields) {
    if (name === '' || name.length > MAX_METADATA_NAME || !name.isWellFormed()) {
      throw new AppError(
        'metadata-invalid',
        `The names of metadata have 1 to ${MAX_METADATA_NAME} characters of valid text.`,
      )
    }
    if (typeof value !== 'string' || !value.isWellFormed()) {
      throw new AppError(
        'metadata-invalid',
        `The value of ${name} is not a valid text; metadata are a flat object of texts.`,
      )
    }
    if (value.length > MAX_METADATA_VALUE) {
      const detail = `The value of ${name} has ${value.length} characters; at most ${MAX_METADATA_VALUE} are kept.`
      throw new AppError('metadata-invalid', detail)
    }
  }
}

function validateSubject(subject: string | null): void {
  if (subject === null) return
  if (subject === '' || subject.length > MAX_SUBJECT_LENGTH || !subject.isWellFormed()) {
    throw new AppError(
      'metadata-invalid',
      `The subject has 1 to ${MAX_SUBJECT_LENGTH} characters of valid text, or is left out.`,
    )
  }
}

/** Throws `caption-empty`, `caption-too-long`, `text-not-utf8`, `split-unknown` or `metadata-invalid`. */
export function validateFields({ caption, subject, split, metadata }: EntryFields): ValidFields {
  const normalisedCaption = caption === null ? null : normaliseCaption(caption)
  validateSubject(subject)
  validateMetadata(metadata)
  const published = caption !== null && caption.length > MAX_CAPTION_LENGTH ? normalisedCaption : caption
  return { normalisedCaption, caption: published, subject, split: parseSplit(split), metadata }
}
