import { AppError } from './errors.ts'

const MAX_METADATA_FIELDS = 64
const MAX_METADATA_NAME = 64
const MAX_METADATA_VALUE = 4_096
export const MAX_SUBJECT_LENGTH = 256

/** Throws `metadata-invalid` where the metadata of a pair, whoever publishes it, are more than is kept. */
export function requireMetadata(metadata: Readonly<Record<string, unknown>>): void {
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

/** Throws `metadata-invalid` where a pair names its subject in a way that is not kept; null names none. */
export function requireSubject(subject: string | null): void {
  if (subject === null) return
  if (subject === '' || subject.length > MAX_SUBJECT_LENGTH || !subject.isWellFormed()) {
    throw new AppError(
      'metadata-invalid',
      `The subject has 1 to ${MAX_SUBJECT_LENGTH} characters of valid text, or is left out.`,
    )
  }
}
