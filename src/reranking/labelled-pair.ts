import { z } from 'zod'

/** A judgement: whether a document answers a query. */
export type LabelledPair = {
  readonly query: string
  readonly document: string
  readonly relevance: 0 | 1
  /** Who or what judged: `editors`, `clicks`, `captions`. */
  readonly source: string
  /** When, in milliseconds since 1970. */
  readonly createdAt: number
}

/** The source of negatives that nobody judged: they were drawn, and any judgement outweighs them. */
export const DRAWN = 'drawn'

const relevances = new Map<unknown, 0 | 1>([
  [0, 0],
  ['0', 0],
  [false, 0],
  ['false', 0],
  [1, 1],
  ['1', 1],
  [true, 1],
  ['true', 1],
])

const relevance = z.unknown().transform((value, context): 0 | 1 => {
  const known = relevances.get(typeof value === 'string' ? value.trim().toLowerCase() : value)
  if (known !== undefined) return known
  context.addIssue({ code: 'custom', message: 'must be 1 (relevant) or 0' })
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

const words = z.string({ error: 'must be text' })

/** A record as it is stored and sent: `query, document, relevance, source, created_at`; other fields are passed over. */
export const labelledPairRecord = z
  .object({
    query: words,
    document: words,
    relevance,
    source: words.trim().min(1, 'must name who or what judged'),
    created_at: moment,
  })
  .transform(({ created_at: createdAt, ...pair }): LabelledPair => ({ ...pair, createdAt }))
