import { z } from 'zod'
import { normaliseCaption } from '../../core/caption.ts'
import { toAppError } from '../../core/errors.ts'
import type { Judgement } from '../../core/events.ts'

const yesOrNo = new Map<unknown, number>([
  [false, 0],
  ['false', 0],
  [true, 1],
  ['true', 1],
])
const NUMBER = /^[01](?:\.\d+)?$/

const relevance = z.unknown().transform((given, context): number => {
  const value = typeof given === 'string' ? given.trim().toLowerCase() : given
  const number = yesOrNo.get(value) ?? (typeof value === 'string' && NUMBER.test(value) ? Number(value) : value)
  if (typeof number === 'number' && number >= 0 && number <= 1) return number
  context.addIssue({ code: 'custom', message: 'must be a number from 0 (not relevant) to 1, or true or false' })
  return z.NEVER
})

/** A day, or a day and a time with or without an offset. */
const ISO_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/i

/** Milliseconds since 1970, NaN for what is no time. Without an offset it is UTC, as databases mean it. */
function parseTime(text: string): number {
  const [whole, day = '', time = '00:00', offset = 'Z'] = ISO_TIME.exec(text.trim()) ?? []
  const [sign = '', hours = '', minutes = '00'] = /^([+-])(\d{2}):?(\d{2})?$/.exec(offset)?.slice(1) ?? []
  return whole === undefined ? NaN : Date.parse(`${day}T${time}${sign === '' ? 'Z' : `${sign}${hours}:${minutes}`}`)
}

const NO_TIME = 'must be a time such as 2024-05-01T12:00:00Z'
const moment = z.string({ error: NO_TIME }).transform((text, context): number => {
  const value = parseTime(text)
  if (Number.isFinite(value)) return value
  context.addIssue({ code: 'custom', message: NO_TIME })
  return z.NEVER
})

const NO_TEXT = 'must be text'

/** As captions are: normalised, with a word at least. */
const words = z.string({ error: NO_TEXT }).transform((text, context): string => {
  try {
    return normaliseCaption(text)
  } catch (error) {
    const { message } = toAppError(error)
    context.addIssue({ code: 'custom', message: `cannot be used: ${message.replaceAll('The caption', 'The text')}` })
    return z.NEVER
  }
})

/** A record as it is stored and sent: `query, document, relevance, source, created_at`; other fields are passed over. */
export const judgementRecord = z
  .object({
    query: words,
    document: words,
    relevance,
    source: z.string({ error: NO_TEXT }).trim().min(1, 'must name who or what judged'),
    created_at: moment,
  })
  .transform(({ created_at: createdAt, ...judgement }): Judgement => ({ ...judgement, createdAt }))
