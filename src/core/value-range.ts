import { AppError } from './errors.ts'

/** What values are compared as: metadata are texts, of which some read as a number and some as a date. */
export type ValueKind = 'numbers' | 'dates'

const boundNames = ['gte', 'gt', 'lte', 'lt'] as const
type BoundName = (typeof boundNames)[number]

/** Numbers, or times in milliseconds since the epoch, between bounds of which any may be missing; `gte` and `lte` belong to it. */
export type ValueRange = { readonly of: ValueKind } & {
  readonly [bound in BoundName]?: number
}

/** Bounds as they are written: numbers, or ISO dates. */
export type WrittenBounds = { readonly [bound in BoundName]?: number | string | undefined }

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?)?$/i
const DAY = 86_400_000
/** Beyond it, times are not written with four digits for the year any more. */
const LAST = Date.parse('9999-12-31T23:59:59.999Z')

function numberIn(text: string): number | null {
  const value = NUMBER.test(text) ? Number(text) : NaN
  return Number.isFinite(value) ? value : null
}

/** JavaScript takes the 30th of February for the 2nd of March, so the day is compared with what it was taken for. */
function dateIn(text: string): number | null {
  const [, day, time = '00:00', zone = 'Z'] = DATE.exec(text) ?? []
  if (day === undefined) return null
  const midnight = Date.parse(`${day}T00:00Z`)
  if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(day)) return null
  const value = Date.parse(`${day}T${time}${zone.toUpperCase()}`)
  return Number.isNaN(value) ? null : value
}

const readers = { numbers: numberIn, dates: dateIn } as const satisfies Record<
  ValueKind,
  (text: string) => number | null
>

/**
 * What a metadata value counts as: a decimal number as it is, a date of ISO 8601 (`2024-06-30`, `2024-06-30T12:00:00+02:00`; UTC where no zone
 * is said) in milliseconds since the epoch, null where it is no such thing.
 */
export const valueOf = (kind: ValueKind, text: string): number | null => readers[kind](text.trim())

/** Whether a metadata value lies in the range; one that is of another kind does not. */
export function isWithin({ of: kind, gte, gt, lte, lt }: ValueRange, text: string): boolean {
  const value = valueOf(kind, text)
  if (value === null) return false
  return (
    value >= (gte ?? -Infinity) && value <= (lte ?? Infinity) && value > (gt ?? -Infinity) && value < (lt ?? Infinity)
  )
}

/** Up to a day includes that day, and after a day begins with the next. */
function dateBound(name: BoundName, text: string): ValueRange {
  const value = dateIn(text)
  if (value === null) {
    throw new AppError('filter-invalid', `"${text}" is no bound: write a number, or a date such as 2024-06-30 or 2024-06-30T12:00:00Z.`) // prettier-ignore
  }
  const isDay = !/[T ]/i.test(text)
  if (isDay && name === 'lte') return { of: 'dates', lt: Math.min(value + DAY, LAST) }
  if (isDay && name === 'gt') return { of: 'dates', gte: Math.min(value + DAY, LAST) }
  return { of: 'dates', [name]: value }
}

/** The range that written bounds mean. Throws `filter-invalid`, with what to write instead. */
export function rangeOf(written: WrittenBounds): ValueRange {
  const bounds = boundNames.flatMap((name) => {
    const bound = written[name]
    return bound === undefined ? [] : [[name, bound] as const]
  })
  const [first] = bounds
  const has = (name: BoundName): boolean => written[name] !== undefined
  if (first === undefined || (has('gte') && has('gt')) || (has('lte') && has('lt'))) {
    throw new AppError(
      'filter-invalid',
      'A range has a lower bound (gte or gt), an upper bound (lte or lt), or one of each.',
    )
  }
  if (bounds.some(([, bound]) => typeof bound !== typeof first[1])) {
    throw new AppError('filter-invalid', 'The bounds of a range are both numbers or both dates.')
  }
  return bounds.reduce<ValueRange>(
    (range, [name, bound]) => ({
      ...range,
      ...(typeof bound === 'number' ? { [name]: bound } : dateBound(name, bound)),
    }),
    { of: typeof first[1] === 'number' ? 'numbers' : 'dates' },
  )
}

/** The range that `2019..2021`, `2019..` or `..2024-06-30` means, its ends included. Throws `filter-invalid`. */
export function parseRange(text: string): ValueRange {
  const [from, to, more] = text.split('..').map((end) => end.trim())
  if (from === undefined || to === undefined || more !== undefined) {
    throw new AppError('filter-invalid', `"${text}" is no range: write FROM..TO, FROM.. or ..TO.`)
  }
  const bound = (end: string): number | string | undefined => (end === '' ? undefined : (numberIn(end) ?? end))
  return rangeOf({ gte: bound(from), lte: bound(to) })
}
