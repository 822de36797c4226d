import { z } from 'zod'
import { AppError } from '../../../core/errors.ts'

const Refusal = z.object({ error_code: z.string(), message: z.string().default('') })

/** A whole number, which some servers write as a string. */
export const Whole = z.coerce.number()

/** A double; those that JSON does not know are written as strings. */
export const Double = z.union([z.number(), z.string()]).transform(Number)

export const Pair = z.object({ key: z.string(), value: z.string().default('') })

/** For answers that say nothing. */
export const Nothing = z.object({})

export const NOT_MLFLOW =
  'What answers at the address is not MLflow; give the address of its page, without a path after it.'

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const unavailable = (detail: string, options?: ErrorOptions): AppError =>
  new AppError('tracking-unavailable', detail, options)

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** MLflow's own code of a failure, and what it says about it; null where the answer has none. */
export function refusalOf(bytes: Uint8Array): z.infer<typeof Refusal> | null {
  const { success, data } = Refusal.safeParse(parse(textOf(bytes)))
  return success ? data : null
}

/**
 * What an answer that is no success means. What refuses who asks, or is not MLflow, may be a wrong setting or whatever stands in for
 * MLflow while that starts again; nothing tells them apart, so it is an outage, whose message says which setting to look at.
 */
export function failureOf(status: number, bytes: Uint8Array): AppError {
  const said = textOf(bytes).slice(0, 200)
  if (said.includes('--serve-artifacts')) {
    return new AppError(
      'configuration-invalid',
      'MLflow does not serve artefacts; start it with --artifacts-destination.',
    )
  }
  if (status === 401) return unavailable('MLflow does not know who asks; check its user and password, or its token.')
  if (status === 403) {
    const hint = /host header/i.test(said) ? 'name this host in --allowed-hosts of MLflow' : 'allow the user to write'
    return unavailable(`MLflow refuses access; ${hint}.`)
  }
  if (status >= 500 || status === 429 || status === 408) {
    return unavailable(`MLflow cannot answer now (${status}); see what it has printed.`)
  }
  const refusal = refusalOf(bytes)
  if (refusal === null) return unavailable(NOT_MLFLOW)
  if (refusal.error_code === 'RESOURCE_DOES_NOT_EXIST') return new AppError('not-found', refusal.message)
  return new AppError('invalid-request', `MLflow refused a request: ${refusal.message}`)
}

/** The JSON of a successful answer in the given shape. */
export function readShape<T>(bytes: Uint8Array, shape: z.ZodType<T>): T {
  const { success, data, error } = shape.safeParse(parse(textOf(bytes)))
  if (success) return data
  throw unavailable(NOT_MLFLOW, { cause: error })
}
