import { fetchSigned } from './session.ts'

export type Target = 'images' | 'captions'
export type Mode = 'vector' | 'text' | 'hybrid'

export type Hit = {
  readonly score: number
  /** The probability that it is right; null where that is not known. */
  readonly relevance: number | null
  readonly imageId: string
  readonly image: string
  readonly captions: readonly { readonly pairId: string; readonly caption: string }[]
  readonly pairId: string | null
  readonly caption: string | null
  readonly split: string
  readonly metadata: Readonly<Record<string, string>>
  /** Near-duplicates of the picture that are not shown. */
  readonly duplicates: readonly string[] | null
  /** The answer that it is of, and where it stood in it; null where the server keeps no queries. */
  readonly queryId: string | null
  readonly position: number
}

export type Opinion = 'up' | 'down'

export type SearchResult = {
  readonly hits: readonly Hit[]
  readonly queryId?: string
  readonly noMatch: boolean | null
  readonly modelVersion: string | null
  readonly generation: string | null
  readonly tookMs: number
}

export type Status = {
  readonly images: number
  readonly pairs: number
  readonly training: {
    readonly base: number
    readonly newPairs: number
    readonly threshold: number
    readonly missingPairs: number
  }
  readonly release: { readonly modelVersion: string; readonly generation: string; readonly state: string } | null
}

/** A failure in words that can be shown. `code` is the server's; `offline` when it did not answer. */
export class ProblemError extends Error {
  readonly code: string
  readonly title: string

  constructor(code: string, title: string, detail: string) {
    super(detail)
    this.code = code
    this.title = title
  }
}

export type Query = {
  readonly text: string
  /** More like this picture. */
  readonly like: string | null
  readonly picture: File | null
  readonly target: Target
  readonly mode: Mode
}

/** Throws `ProblemError`, or what the signal was aborted with. */
export async function search(query: Query, offset: number, limit: number, signal: AbortSignal): Promise<SearchResult> {
  const result = await find(query, offset, limit, signal)
  const { hits, queryId = null } = result
  return { ...result, hits: hits.map((hit, place) => ({ ...hit, queryId, position: offset + place })) }
}

/** Says what somebody made of a hit. Throws `ProblemError`. */
export async function giveFeedback(action: 'click' | Opinion, hit: Hit): Promise<void> {
  const { queryId, imageId, pairId, position } = hit
  if (queryId === null) return
  const body = JSON.stringify({ queryId, action, imageId, pairId, position })
  await request('/v1/feedback', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
}

async function find(query: Query, offset: number, limit: number, signal: AbortSignal): Promise<SearchResult> {
  const page: Record<string, string> = { target: query.target, offset: String(offset), limit: String(limit) }
  if (query.target === 'images') page['group'] = 'true'
  if (query.picture !== null) {
    const form = new FormData()
    form.set('image', query.picture)
    for (const [name, value] of Object.entries(page)) form.set(name, value)
    return request<SearchResult>('/v1/search', { method: 'POST', body: form, signal })
  }
  const input: Record<string, string> =
    query.like === null ? { q: query.text, mode: query.mode } : { imageId: query.like }
  return request<SearchResult>(`/v1/search?${new URLSearchParams({ ...input, ...page }).toString()}`, { signal })
}

export const readStatus = (): Promise<Status> => request<Status>('/v1/status')

export const imageAddress = (imageId: string): string => `/v1/images/${imageId}/content`

// The one place where an answer is trusted: the server validates with the schemas that the types above repeat.
async function request<T>(address: string, init?: RequestInit): Promise<T> {
  let response: Response
  try {
    response = await fetchSigned(address, init)
  } catch (error) {
    if (init?.signal?.aborted === true) throw error
    throw new ProblemError('offline', 'The server does not answer', 'Check that it runs, then search again.')
  }
  const body: unknown = await response.json().catch(() => null)
  if (response.ok && body !== null) return body as T
  const { code, title, detail } = (body ?? {}) as Partial<Record<'code' | 'title' | 'detail', string>>
  throw new ProblemError(
    code ?? 'unknown',
    title ?? 'Something went wrong',
    detail ?? `The server answered with status ${response.status}.`,
  )
}
