export type Answer = {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: Headers
}

/** Longer than anything may take to answer: a publication gives up after ten seconds. */
const PATIENCE = 15_000

/** The answer to a request, whatever its status; null where none came. */
export async function ask(url: string, init: RequestInit = {}): Promise<Answer | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE), ...init })
    return {
      status: response.status,
      body: (await response.json()) as Record<string, unknown>,
      headers: response.headers,
    }
  } catch {
    return null
  }
}

export const postJson = (url: string, body: object): Promise<Answer | null> =>
  ask(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
