import { AppError } from './errors.ts'

/** The longest caption that is accepted, in UTF-16 code units after normalisation. */
export const MAX_CAPTION_LENGTH = 2_000

/**
 * The one form of a caption that ids, training and full text see: NFC, control characters as spaces, runs of white space
 * as one space, trimmed. Case and punctuation stay. Throws `text-not-utf8`, `caption-empty` or `caption-too-long`.
 */
export function normaliseCaption(caption: string): string {
  if (!caption.isWellFormed() || caption.includes('\uFFFD')) {
    throw new AppError(
      'text-not-utf8',
      'The caption holds characters that are not valid UTF-8; save the source as UTF-8.',
    )
  }
  const normalised = caption
    .normalize('NFC')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  if (normalised === '')
    throw new AppError('caption-empty', 'The caption is empty; supply text, or leave the caption out.')
  if (normalised.length > MAX_CAPTION_LENGTH) {
    throw new AppError(
      'caption-too-long',
      `The caption has ${normalised.length} characters; at most ${MAX_CAPTION_LENGTH} are accepted.`,
    )
  }
  return normalised
}
