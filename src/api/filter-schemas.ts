import { z } from '@hono/zod-openapi'
import { AppError } from '../core/errors.ts'
import { splits } from '../core/split.ts'
import { parseRange, rangeOf, type ValueRange, type WrittenBounds } from '../core/value-range.ts'
import type { Filter } from '../ports/vector-index.ts'
import { repeatable, SplitSchema } from './schemas.ts'

const MAX_FIELDS = 20
const MAX_VALUES = 100
/** As long as what is published may be, so that everything can be filtered by. */
const MAX_NAME_LENGTH = 64
const MAX_VALUE_LENGTH = 4_096

const tooMuch = `filter by at most ${MAX_FIELDS} fields with ${MAX_VALUES} values each`

/** What `read` makes of a value; what it refuses is an issue of the field. */
function readBy<In, Out>(read: (value: In) => Out) {
  return (value: In, context: z.RefinementCtx): Out => {
    if (context.issues.length > 0) return z.NEVER // what is wrong already says more
    try {
      return read(value)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
      return z.NEVER
    }
  }
}

const bound = z.union([z.number(), z.string().max(MAX_NAME_LENGTH)]).optional()
const RangeSchema = z
  .strictObject({ gte: bound, gt: bound, lte: bound, lt: bound })
  .transform(readBy<WrittenBounds, ValueRange>(rangeOf))
  .openapi({ description: 'Numbers, or dates of ISO 8601; a day is meant from its beginning to its end.' })
const ValuesSchema = repeatable(z.string().max(MAX_VALUE_LENGTH), MAX_VALUES)

/** A filter as JSON: a field has one of several values, or lies in a range. */
export const FilterSchema = z
  .strictObject({
    splits: z.array(SplitSchema).max(splits.length).optional(),
    metadata: z
      .record(z.string().max(MAX_NAME_LENGTH), z.union([ValuesSchema, RangeSchema]))
      .refine((fields) => Object.keys(fields).length <= MAX_FIELDS, tooMuch)
      .optional(),
  })
  .transform(({ splits, metadata = {} }): Filter => {
    const fields = Object.entries(metadata)
    const isRange = (field: (typeof fields)[number]): field is [string, ValueRange] => !Array.isArray(field[1])
    const ranges = fields.filter(isRange)
    return {
      ...(splits === undefined ? {} : { splits }),
      metadata: Object.fromEntries(fields.filter((field): field is [string, string[]] => !isRange(field))),
      ...(ranges.length === 0 ? {} : { ranges: Object.fromEntries(ranges) }),
    }
  })

const fieldPattern = new RegExp(`^[^:]{1,${MAX_NAME_LENGTH}}:`)

const metadataPair = z
  .string()
  .max(MAX_NAME_LENGTH + 1 + MAX_VALUE_LENGTH)
  .regex(fieldPattern, 'write field:value')

/** `year:2019..2021` as its field and range. */
function readRange(text: string): readonly [string, ValueRange] {
  const colon = text.indexOf(':')
  return [text.slice(0, colon), parseRange(text.slice(colon + 1))]
}

const rangePair = z
  .string()
  .max(3 * MAX_NAME_LENGTH)
  .regex(fieldPattern, 'write field:FROM..TO')
  .transform(readBy(readRange))

const areDistinct = (ranges: readonly (readonly [string, ValueRange])[]): boolean =>
  new Set(ranges.map(([field]) => field)).size === ranges.length

/** A filter as fields of a query or a form. */
export const flatFilter = {
  split: repeatable(SplitSchema, splits.length).optional().openapi({ description: 'Any of these sets.' }),
  metadata: repeatable(metadataPair, MAX_FIELDS * MAX_VALUES)
    .refine((pairs) => isBounded(valuesByField(pairs)), tooMuch)
    .optional()
    .openapi({ description: '`field:value`; values of one field are alternatives.' }),
  range: repeatable(rangePair, MAX_FIELDS).refine(areDistinct, 'give one range a field').optional().openapi({
    description: '`field:FROM..TO`, `field:FROM..` or `field:..TO`, ends included: numbers, or dates of ISO 8601.',
  }),
}

function valuesByField(pairs: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>()
  for (const pair of pairs) {
    const colon = pair.indexOf(':')
    const field = pair.slice(0, colon)
    const known = values.get(field) ?? []
    known.push(pair.slice(colon + 1))
    values.set(field, known)
  }
  return values
}

const isBounded = (fields: ReadonlyMap<string, readonly string[]>): boolean =>
  fields.size <= MAX_FIELDS && [...fields.values()].every((values) => values.length <= MAX_VALUES)

/** The filter that the fields of `flatFilter` stand for. */
export const filterOf = ({
  split: splits,
  metadata = [],
  range = [],
}: {
  readonly split?: Filter['splits']
  readonly metadata?: readonly string[] | undefined
  readonly range?: readonly (readonly [string, ValueRange])[] | undefined
}): Filter => ({
  ...(splits === undefined ? {} : { splits }),
  metadata: Object.fromEntries(valuesByField(metadata)),
  ...(range.length === 0 ? {} : { ranges: Object.fromEntries(range) }),
})
