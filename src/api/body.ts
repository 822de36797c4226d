import type { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { AppError } from '../core/errors.ts'
import { invalidRequest } from './failures.ts'

/** The validated body of a request that may be JSON or a form. */
export type Body<J, F> = { readonly type: 'json'; readonly value: J } | { readonly type: 'form'; readonly value: F }

/**
 * Reads whichever of the two came and validates it. (The router's own validators would leave a body that is absent
 * unchecked where a route takes several types.) Throws `media-type-unsupported` or `invalid-request`.
 */
export async function readBody<J extends z.ZodType, F extends z.ZodType>(
  context: Context,
  schemas: { readonly json: J; readonly form: F },
): Promise<Body<z.output<J>, z.output<F>>> {
  const type = mediaType(context)
  if (type === 'application/json') return { type: 'json', value: validate(schemas.json, await readJson(context)) }
  if (type === 'multipart/form-data') return { type: 'form', value: validate(schemas.form, await readForm(context)) }
  throw new AppError('media-type-unsupported', 'Send application/json or multipart/form-data; see /docs.')
}

/** Validates the JSON body of a request. Throws `media-type-unsupported` or `invalid-request`. */
export async function readJsonBody<S extends z.ZodType>(context: Context, schema: S): Promise<z.output<S>> {
  if (mediaType(context) === 'application/json') return validate(schema, await readJson(context))
  throw new AppError('media-type-unsupported', 'Send application/json; see /docs.')
}

/**
 * Validates the JSON body of a request that may have none, which stands for an empty object. Throws `media-type-unsupported` or
 * `invalid-request`.
 */
export async function readOptionalJson<S extends z.ZodType>(context: Context, schema: S): Promise<z.output<S>> {
  return (await context.req.text()) === '' ? validate(schema, {}) : readJsonBody(context, schema)
}

/** Validates a JSON body, whatever it is sent as: some clients do not say what they send. Throws `invalid-request`. */
export const readAnyJson = async <S extends z.ZodType>(context: Context, schema: S): Promise<z.output<S>> =>
  validate(schema, await readJson(context))

const mediaType = (context: Context): string | undefined =>
  context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()

async function readJson(context: Context): Promise<unknown> {
  try {
    return await context.req.json()
  } catch (error) {
    throw new AppError('invalid-request', 'The body is not JSON.', { cause: error })
  }
}

async function readForm(context: Context): Promise<unknown> {
  try {
    return await context.req.parseBody({ all: true })
  } catch (error) {
    throw new AppError('invalid-request', 'The body is not a multipart form.', { cause: error })
  }
}

/** The value as the schema has it. Throws `invalid-request`. */
export function validate<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value)
  if (!result.success) throw invalidRequest(result.error)
  return result.data
}
