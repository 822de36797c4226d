import { z } from '@hono/zod-openapi'
import { splits } from '../core/split.ts'
import type { Filter } from '../ports/vector-index.ts'
import { repeatable, SplitSchema } from './schemas.ts'

const MAX_FIELDS = 20
const MAX_VALUES = 100
/** As long as what is published may be, so that everything can be filtered by. */
const MAX_NAME_LENGTH = 64
const MAX_VALUE_LENGTH = 4_096

const tooMuch = `filter by at most ${MAX_FIELDS} fields with ${MAX_VALUES} values each`

/** A filter as JSON. */
export const FilterSchema = z.strictObject({
  splits: z.array(SplitSchema).max(splits.length).optional(),
  metadata: z
    .record(z.string().max(MAX_NAME_LENGTH), repeatable(z.string().max(MAX_VALUE_LENGTH), MAX_VALUES))
    .refine((fields) => Object.keys(fields).length <= MAX_FIELDS, tooMuch)
    .optional(),
})

const metadataPair = z
  .string()
  .max(MAX_NAME_LENGTH + 1 + MAX_VALUE_LENGTH)
  .regex(new RegExp(`^[^:]{1,${MAX_NAME_LENGTH}}:`), 'write field:value')

/** A filter as fields of a query or a form. */
export const flatFilter = {
  split: repeatable(SplitSchema, splits.length).optional().openapi({ description: 'Any of these sets.' }),
  metadata: repeatable(metadataPair, MAX_FIELDS * MAX_VALUES)
    .refine((pairs) => isBounded(valuesByField(pairs)), tooMuch)
    .optional()
    .openapi({ description: '`field:value`; values of one field are alternatives.' }),
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
export const filterOf = (splits: Filter['splits'], pairs: readonly string[] = []): Filter => ({
  ...(splits === undefined ? {} : { splits }),
  metadata: Object.fromEntries(valuesByField(pairs)),
})
