import { MAX_CAPTION_LENGTH, normaliseCaption } from '../core/caption.ts'
import { requireMetadata, requireSubject } from '../core/pair-fields.ts'
import { parseSplit, type Split } from '../core/split.ts'

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

/** Throws `caption-empty`, `caption-too-long`, `text-not-utf8`, `split-unknown` or `metadata-invalid`. */
export function validateFields({ caption, subject, split, metadata }: EntryFields): ValidFields {
  const normalisedCaption = caption === null ? null : normaliseCaption(caption)
  requireSubject(subject)
  requireMetadata(metadata)
  const published = caption !== null && caption.length > MAX_CAPTION_LENGTH ? normalisedCaption : caption
  return { normalisedCaption, caption: published, subject, split: parseSplit(split), metadata }
}
