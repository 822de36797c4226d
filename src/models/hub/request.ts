import { AppError } from '../../core/errors.ts'
import { HubAway } from './hub-away.ts'
import { refusalOf } from './refusal.ts'
import { watchSilence, type SilenceWatch } from './silence.ts'

/** Where models are fetched from, and as whom. */
export type HubAddress = {
  /** Ends with a slash. */
  readonly base: URL
  readonly token: string | undefined
}

export type Answer = {
  readonly status: number
  readonly headers: Headers
  /** The body piece by piece. Throws `HubAway` where it breaks off or falls silent; leaving it early closes the connection. */
  readonly pieces: AsyncIterable<Uint8Array>
}

type RequestOptions = {
  readonly hub: HubAddress
  readonly headers?: Readonly<Record<string, string>>
  /** What is asked for, in words that fit after "The hub has no …". */
  readonly what: string
  /** Milliseconds. */
  readonly silence: number
  readonly signal: AbortSignal
}

const MOST_REDIRECTS = 5
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** The address of a hub. Throws `configuration-invalid`, without the address: it may hold a password. */
export function hubAddress(url: string, token: string | undefined): HubAddress {
  const parsed = parse(url)
  if (parsed === null || parsed.username !== '' || parsed.password !== '' || parsed.search !== '') {
    const detail = 'HUB_URL is the address of a hub without a user, a password or a question mark; use HUB_TOKEN.'
    throw new AppError('configuration-invalid', detail)
  }
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new AppError('configuration-invalid', 'HUB_TOKEN has characters that no token has; copy it again.')
  }
  return { base: new URL(parsed.href.replace(/\/*$/, '/')), token }
}

/**
 * GET, following redirects itself: the token goes to the hub's own origin only, whoever redirects where. Gives an answer of status
 * 200 or 206, or 416 where a range was asked for; all else is thrown: `HubAway`, `hub-refused`, `model-not-found`, `model-unsafe`.
 */
export async function request(address: URL, options: RequestOptions): Promise<Answer> {
  const { hub, what } = options
  const watch = watchSilence(options.silence, options.signal)
  let url = address
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    const isHub = url.origin === hub.base.origin
    const response = await send(url, isHub ? hub.token : undefined, watch, options)
    const { status, headers } = response
    if (!redirects.has(status)) {
      if (status === 200 || status === 206 || status === 416)
        return { status, headers, pieces: pieces(response, watch) }
      await response.body?.cancel()
      throw refusalOf({ status, headers, what, isHub, hasToken: hub.token !== undefined })
    }
    await response.body?.cancel()
    url = nextAddress(headers.get('location'), url, what)
  }
  throw new AppError('hub-refused', `The hub redirects without end for ${what}; check HUB_URL.`)
}

const parse = (text: string, base?: URL): URL | null => (URL.canParse(text, base?.href) ? new URL(text, base) : null)

async function send(
  url: URL,
  token: string | undefined,
  watch: SilenceWatch,
  { headers, signal }: RequestOptions,
): Promise<Response> {
  const sent = new Headers({ ...headers, 'user-agent': 'pairstream', 'accept-encoding': 'identity' })
  if (token !== undefined) sent.set('authorization', `Bearer ${token}`)
  try {
    return await watch.during(fetch(url, { headers: sent, redirect: 'manual', signal: watch.signal }))
  } catch (error) {
    throw unreachable(error, signal, `The hub at ${url.origin} cannot be reached`)
  }
}

function nextAddress(location: string | null, from: URL, what: string): URL {
  const next = location === null ? null : parse(location, from)
  const isDowngrade = from.protocol === 'https:' && next?.protocol !== 'https:'
  if (next === null || isDowngrade || !/^https?:$/.test(next.protocol) || next.username !== '') {
    throw new AppError('hub-refused', `The hub redirects to where nothing is fetched from, for ${what}; check HUB_URL.`)
  }
  return next
}

async function* pieces({ body }: Response, watch: SilenceWatch): AsyncIterable<Uint8Array> {
  if (body === null) return
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  try {
    for (;;) {
      const { done, value } = await watch.during(reader.read())
      if (done) return
      yield value
    }
  } catch (error) {
    throw unreachable(error, watch.signal, 'The hub broke off in the middle')
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** Node.js says only `fetch failed` or `terminated`; why is in the cause, and of use where the system gave it a name. */
function unreachable(error: unknown, signal: AbortSignal, what: string): unknown {
  if (error instanceof AppError || signal.aborted) return error
  const { cause = error } = error as { cause?: unknown }
  const { code = '' } = cause as NodeJS.ErrnoException
  const reason = /^(E|CERT|SELF|UNABLE|DEPTH)[A-Z_]+$/.test(code) ? ` (${code})` : ''
  return new HubAway(`${what}${reason}; check the network and HUB_URL.`, null, { cause: error })
}
