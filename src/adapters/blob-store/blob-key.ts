import { AppError } from '../../core/errors.ts'

/** What S3 takes, in bytes; a segment is limited by file systems. */
const LONGEST_KEY = 1_024
const LONGEST_SEGMENT = 255

const isSegment = (text: string): boolean =>
  /^[A-Za-z0-9._-]+$/.test(text) && text !== '.' && text !== '..' && text.length <= LONGEST_SEGMENT

/** Whether the text is a relative path of `[A-Za-z0-9._-]` segments, none of which climbs. */
export const isBlobKey = (text: string): boolean => text.length <= LONGEST_KEY && text.split('/').every(isSegment)

/** Throws `invalid-request` unless the text is a key. */
export function checkBlobKey(text: string): void {
  if (isBlobKey(text)) return
  throw new AppError(
    'invalid-request',
    'A blob key is a relative path whose parts hold letters, digits, dots, dashes and underscores.',
  )
}

/** Throws `invalid-request` unless some key could start with the text. */
export function checkBlobPrefix(text: string): void {
  if (text === '') return
  checkBlobKey(text.endsWith('/') ? text.slice(0, -1) : text)
}
