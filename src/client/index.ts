import createFetchClient, { type Client, type Middleware } from 'openapi-fetch'
import type { components, paths } from './schema.ts'

export type { components, paths } from './schema.ts'

/** What the API answers where it cannot do what was asked (RFC 9457); `code` is stable. */
export type Problem = components['schemas']['Problem']

/** The operations of the API, typed: `GET`, `POST` and `DELETE` of an address resolve to `data` or to `error`, and never throw for a status. */
export type PairstreamClient = Client<paths>

/**
 * A client of a running server at `address` (`http://127.0.0.1:8080`). `token`, a key or a JSON Web Token, goes with every request where the server asks for
 * one. Rejects only as `fetch` does, where there is no answer at all.
 */
export function createClient(options: {
  readonly address: string
  readonly token?: string
  /** Node's own, or the browser's, unless another is given. */
  readonly fetch?: typeof globalThis.fetch
}): PairstreamClient {
  const { address, token, fetch } = options
  const client = createFetchClient<paths>({ baseUrl: address, ...(fetch === undefined ? {} : { fetch }) })
  const authorised: Middleware = {
    onRequest({ request }) {
      request.headers.set('authorization', `Bearer ${token}`)
      return request
    },
  }
  if (token !== undefined) client.use(authorised)
  return client
}
