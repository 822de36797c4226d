import { z } from '@hono/zod-openapi'
import { splits } from '../core/split.ts'

export const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ description: 'Stable; programs switch on it.' }),
    traceId: z.string().optional(),
  })
  .openapi('Problem', { description: 'RFC 9457 problem details.' })

/** Where the OpenAPI document has it. */
export const ProblemReference = { $ref: '#/components/schemas/Problem' } as const

export const SplitSchema = z.enum(splits)
export const MetadataSchema = z.record(z.string(), z.string())
export const CaptionSchema = z.object({ pairId: z.uuid(), caption: z.string() }).openapi('Caption')
export const TimeSchema = z.iso.datetime().openapi({ example: '2025-01-31T12:00:00.000Z' })

/** Events count milliseconds; answers show times that people can read. */
export const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString()

/** One picture file in a form. */
export const FileSchema = z.instanceof(File, { error: 'expected a file' }).openapi({ type: 'string', format: 'binary' })

/** A query or form field that may be given once or several times, `most` times at most. */
export const repeatable = <S extends z.ZodType>(schema: S, most: number) =>
  z.union([z.array(schema).max(most), schema.transform((value) => [value])]) as unknown as z.ZodType<
    z.output<S>[],
    z.input<S> | z.input<S>[]
  >

export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})

/** The problems that a route may answer with, beside its own answers. */
export const problems = {
  default: { description: 'What went wrong', content: { 'application/problem+json': { schema: ProblemSchema } } },
} as const

export const pathId = (name: string) =>
  z.object({ id: z.uuid().openapi({ param: { name: 'id', in: 'path' }, description: name }) })
