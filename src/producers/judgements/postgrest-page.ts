import { AppError, toAppError } from '../../core/errors.ts'
import { decodeUtf8 } from '../lines.ts'

export type PageLimits = {
  /** Until the page is here as a whole, in milliseconds. */
  readonly deadline: number
  readonly maxBytes: number
}

/**
 * One page of a table behind PostgREST, as an array of rows. Redirects are not followed: a token is for the address that was named.
 * Throws `source-unavailable`, `source-refused` or `source-unrecognised`; `not-ready` where `signal` is raised.
 */
export async function readPage(
  url: URL,
  token: string | undefined,
  { deadline, maxBytes }: PageLimits,
  signal: AbortSignal | undefined,
): Promise<readonly unknown[]> {
  const { origin } = url
  const late = AbortSignal.timeout(deadline)
  const stops = signal === undefined ? late : AbortSignal.any([late, signal])
  const headers = new Headers({ accept: 'application/json', 'user-agent': 'pairstream' })
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
  try {
    const response = await fetch(url, { headers, redirect: 'manual', signal: stops })
    // That an offset is behind the end is an error only where the server counts rows.
    if (response.status === 416) return []
    if (!response.ok) throw await refusalOf(response, origin, token !== undefined)
    return rowsOf(await textOf(response, origin, maxBytes), origin)
  } catch (error) {
    if (error instanceof AppError) throw error
    if (signal?.aborted === true) throw new AppError('not-ready', 'Stopped in the middle; run it again to go on.')
    if (late.aborted) {
      throw new AppError(
        'source-unavailable',
        `${origin} gave no whole page in ${deadline / 1_000} s; try again later.`,
      )
    }
    throw new AppError('source-unavailable', `${origin} cannot be reached, or broke off${reasonOf(error)}; check the address and try again.`, { cause: error }) // prettier-ignore
  }
}

/** Node.js says only `fetch failed`; why is in the cause, and of use where the system gave it a name. */
function reasonOf(error: unknown): string {
  const { cause = error } = error as { cause?: unknown }
  const { code = '' } = cause as NodeJS.ErrnoException
  return /^(E|CERT|SELF|UNABLE|DEPTH)[A-Z_]+$/.test(code) ? ` (${code})` : ''
}

async function refusalOf(response: Response, origin: string, hasToken: boolean): Promise<AppError> {
  const { status } = response
  await response.body?.cancel()
  if (status >= 500 || status === 408 || status === 429) {
    return new AppError('source-unavailable', `${origin} answers ${status}; try again later.`)
  }
  if (status === 401 || status === 403) {
    const remedy = hasToken ? 'check JUDGEMENTS_TOKEN and the rights of its role' : 'set JUDGEMENTS_TOKEN'
    return new AppError('source-refused', `${origin} answers ${status}; ${remedy}.`)
  }
  if (status === 404) return new AppError('source-not-found', `${origin} has no such table; check the address.`)
  return new AppError(
    'source-refused',
    `${origin} answers ${status}; check columns (select), order and filters of the address.`,
  )
}

async function textOf({ body }: Response, origin: string, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length
    if (length > maxBytes) {
      const most = `${Math.round(maxBytes / 1e6)} MB`
      throw new AppError('source-unrecognised', `${origin} gives a page of over ${most}; select fewer columns.`)
    }
    parts.push(part)
  }
  try {
    return decodeUtf8(Buffer.concat(parts))
  } catch (error) {
    throw new AppError('source-unrecognised', `${origin} gives something else than text.`, { cause: toAppError(error) })
  }
}

function rowsOf(text: string, origin: string): readonly unknown[] {
  try {
    const rows: unknown = JSON.parse(text)
    if (Array.isArray(rows)) return rows
  } catch {
    // Told below.
  }
  throw new AppError('source-unrecognised', `${origin} gives no JSON array of rows; is it PostgREST?`)
}
