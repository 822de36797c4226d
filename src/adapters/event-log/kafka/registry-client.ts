import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import { withDeadline } from '../../../core/deadline.ts'
import type { KafkaLogOptions } from './options.ts'
import { CLIENT_NAME, registryAway } from './registry-failures.ts'

type Settings = ConstructorParameters<typeof SchemaRegistry>[0]
type Retry = Required<NonNullable<Settings['retry']>>
type Middleware = NonNullable<Settings['middlewares']>[number]
type Answer = Parameters<Retry['validateRetry']>[0]

/** Milliseconds that the registry has for one request, its body included. */
export const PATIENCE = 5_000

/** What a registry says of an id that it does not know; other programs at its address say 404 too, but not this. */
export const SCHEMA_NOT_FOUND = 40403

/** The status of what has none: the registry was not reached. The HTTP client of the package would say 400. */
const UNREACHED = 503

/**
 * The client of a registry with Confluent's REST interface (its API reference, version 7). Every request ends: in the answer of a
 * registry, in a failure with the status of one, or in `log-unavailable`.
 */
export const createRegistryClient = ({ url, username, password }: KafkaLogOptions['registry']): SchemaRegistry =>
  new SchemaRegistry({
    host: url.replace(/\/+$/, ''),
    clientId: CLIENT_NAME,
    ...(username == null ? {} : { auth: { username, password: password ?? '' } }),
    retry: askOnce,
    middlewares: [bounded],
  })

/**
 * `validateRetry` is the only function of ours that sees an answer before the package makes an error of it, and it sees each
 * only while a retry is left; so there is one, which is never used: whoever calls knows better when to ask again. The package
 * keeps what it is not given from whoever was here before, so every field is given.
 */
const askOnce: Retry = {
  headerRetryCount: 'x-retry-count',
  headerRetryTime: 'x-retry-time',
  maxRetryTimeInSecs: 1,
  initialRetryTimeInSecs: 0.1,
  factor: 0.2,
  multiplier: 2,
  retries: 1,
  enableRetry: () => true,
  validateRetry(answer) {
    if (!answer.success()) putIntoWords(answer)
    return false
  },
}

/**
 * Gives a failed answer the form that the package expects of one. Without it a body of `null` would leave the request without an
 * end and the process with an unhandled rejection, and a registry that is away would pass for one that refuses.
 */
function putIntoWords(answer: Answer): void {
  const failure = answer.error()
  const message = failure === null ? (reasonIn(answer.data()) ?? `status ${answer.status()}`) : failure.message
  const status = fieldOf(answer.data(), 'error_code') === SCHEMA_NOT_FOUND ? SCHEMA_NOT_FOUND : answer.status()
  Object.assign(answer, {
    responseStatus: failure === null ? status : UNREACHED,
    responseData: JSON.stringify({ message }),
    errors: [], // or the package would ask again
  })
}

/** A field of a parsed body that may be anything. */
export const fieldOf = (body: unknown, name: string): unknown =>
  typeof body === 'object' && body !== null ? Object.entries(body).find(([key]) => key === name)?.[1] : undefined

function reasonIn(body: unknown): string | null {
  const message = fieldOf(body, 'message')
  return typeof message === 'string' && message !== '' ? message : null
}

/** What the package believes to be in a success: something else answers at an address that is not the registry's. */
const promised = new Map([
  ['find', { field: 'schema', type: 'string' }],
  ['config', { field: 'compatibilityLevel', type: 'string' }],
  ['register', { field: 'id', type: 'number' }],
])

/**
 * Ends what takes too long: the package waits without end for an answer that was cut off, and whoever asks for the same schema
 * later would wait with it. Refuses successes that are none.
 */
const bounded: Middleware = ({ resourceMethod }) => ({
  prepareRequest: async (next) => (await next()).enhance({ signal: AbortSignal.timeout(PATIENCE) }),
  async response(next) {
    const late = new Error(`no answer in ${PATIENCE} ms`)
    const answer = await withDeadline(next(), PATIENCE, () => registryAway(late))
    const promise = promised.get(resourceMethod)
    if (promise !== undefined && typeof fieldOf(answer.data(), promise.field) !== promise.type) {
      throw registryAway(new Error(`no ${promise.field} in the answer`))
    }
    return answer
  },
})
