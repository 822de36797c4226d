import { Hono } from 'hono'
import { toAppError } from '../core/errors.ts'
import type { Access } from './access/access.ts'
import { authorise } from './middleware/authorise.ts'
import { findClient } from './middleware/find-client.ts'
import { permit } from './middleware/permit.ts'
import type { ApiEnvironment } from './middleware/trace.ts'
import { failureResponse, problemDetails, problemResponse } from './problem.ts'

type ProbeDependencies = {
  /** Why work should not be expected of this process; none when it works. */
  readonly reasonsNotReady: () => Promise<readonly string[]>
} & (
  | {
      /** In the text format of Prometheus. */
      readonly registry: { readonly contentType: string; readonly metrics: () => Promise<string> }
      /** Who may read it. */
      readonly access: Access
    }
  /** Before there are any. */
  | { readonly registry: null }
)

/** What a process answers that serves no API, or none yet: `/health/live`, `/health/ready`, `/metrics`, and 503 to all else. */
export function createProbe({ reasonsNotReady, ...metrics }: ProbeDependencies): Hono<ApiEnvironment> {
  const app = new Hono<ApiEnvironment>()
  const notReady = (reasons: readonly string[]): Response =>
    problemResponse(problemDetails('not-ready', `Not ready: ${reasons.join(', ')}.`, { reasons }))

  app.get('/health/live', (context) => context.json({ status: 'live' }))
  app.get('/health/ready', async (context) => {
    const reasons = await reasonsNotReady()
    return reasons.length === 0 ? context.json({ status: 'ready' }) : notReady(reasons)
  })
  if (metrics.registry !== null) {
    const { registry, access } = metrics
    const needsOf = () => [{ permission: 'metrics:read', path: '/metrics' }] as const
    app.use('/metrics', findClient([]), authorise({ access, needsOf, failures: null }), permit(needsOf))
    app.get('/metrics', async (context) =>
      context.text(await registry.metrics(), 200, { 'content-type': registry.contentType }),
    )
  }
  app.onError((error) => failureResponse(toAppError(error)))
  app.notFound(async () => {
    const reasons = await reasonsNotReady()
    return notReady(reasons.length === 0 ? ['no-api-in-this-process'] : reasons)
  })
  return app
}
