import { AppError } from '../../core/errors.ts'
import { HubAway } from './hub-away.ts'

type Refused = {
  readonly status: number
  readonly headers: Headers
  /** What was asked for. */
  readonly what: string
  /** Whether the hub itself says so, and no other host that it redirected to. */
  readonly isHub: boolean
  readonly hasToken: boolean
}

/**
 * What an answer means that is none. The hub names its reason in `X-Error-Code`; for a model that is not there it says 401 to whoever has
 * shown no token, so as not to tell what is private. Nothing of the body is passed on.
 */
export function refusalOf({ status, headers, what, isHub, hasToken }: Refused): AppError {
  const reason = headers.get('x-error-code')
  if (status === 408 || status === 429 || status >= 500) {
    return new HubAway(`The hub answers ${status} for ${what}.`, retryAfter(headers.get('retry-after')))
  }
  // A signed address of a store that has run out: the hub gives a new one.
  if (!isHub && status === 403) return new HubAway(`The hub's store answers 403 for ${what}.`)
  if (reason === 'GatedRepo' || status === 403) {
    const token = hasToken ? 'with the account of your HF_TOKEN' : 'and set HF_TOKEN to a token of your account'
    return new AppError('hub-refused', `Access to ${what} is granted on request: ask on its page at the hub, ${token}.`)
  }
  if (status === 401) {
    const token = hasToken ? 'see whether HF_TOKEN is still valid' : 'set HF_TOKEN where it is private'
    return new AppError('hub-refused', `The hub shows no ${what}; check the name, and ${token}.`)
  }
  if (status === 404) {
    const name = reason === 'RevisionNotFound' ? 'the revision' : 'the name'
    return new AppError('model-not-found', `The hub has no ${what}; check ${name}.`)
  }
  return new AppError('hub-refused', `The hub answers ${status} for ${what}; check HUB_URL.`)
}

/** Milliseconds, from seconds or a date (RFC 9110, section 10.2.3). */
export function retryAfter(value: string | null, now = Date.now()): number | null {
  if (value === null) return null
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? null : Math.max(0, date - now)
}
