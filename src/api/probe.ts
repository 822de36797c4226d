import { Hono } from 'hono'
import { problemDetails, problemResponse } from './problem.ts'

type ProbeDependencies = {
  /** Why work should not be expected of this process; none when it works. */
  readonly reasonsNotReady: () => Promise<readonly string[]>
  /** In the text format of Prometheus; null before there are any. */
  readonly registry: { readonly contentType: string; readonly metrics: () => Promise<string> } | null
}

/** What a process answers that serves no API, or none yet: `/health/live`, `/health/ready`, `/metrics`, and 503 to all else. */
export function createProbe({ reasonsNotReady, registry }: ProbeDependencies): Hono {
  const app = new Hono()
  const notReady = (reasons: readonly string[]): Response =>
    problemResponse(problemDetails('not-ready', `Not ready: ${reasons.join(', ')}.`, { reasons }))

  app.get('/health/live', (context) => context.json({ status: 'live' }))
  app.get('/health/ready', async (context) => {
    const reasons = await reasonsNotReady()
    return reasons.length === 0 ? context.json({ status: 'ready' }) : notReady(reasons)
  })
  if (registry !== null) {
    app.get('/metrics', async (context) =>
      context.text(await registry.metrics(), 200, { 'content-type': registry.contentType }),
    )
  }
  app.notFound(async () => {
    const reasons = await reasonsNotReady()
    return notReady(reasons.length === 0 ? ['no-api-in-this-process'] : reasons)
  })
  return app
}
