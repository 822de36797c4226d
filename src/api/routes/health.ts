import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { forAnyone, needs } from '../access/route-permissions.ts'
import type { ApiDependencies } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { problemDetails, problemResponse } from '../problem.ts'
import { json, problems } from '../schemas.ts'

const tags = ['Operation']

const liveRoute = createRoute({
  ...forAnyone,
  method: 'get',
  path: '/health/live',
  tags,
  summary: 'Whether the process answers; if not, restart it',
  responses: { 200: json(z.object({ status: z.literal('live') }), 'It does') },
})

const readyRoute = createRoute({
  ...forAnyone,
  method: 'get',
  path: '/health/ready',
  tags,
  summary: 'Whether requests should be sent here; otherwise 503 with the reasons',
  responses: {
    200: json(
      z.object({
        status: z.literal('ready'),
        missing: z.array(z.string()).openapi({
          description: 'Dependencies that are away: searches are answered without them, publishing may not be',
          example: ['log-unavailable'],
        }),
      }),
      'They should',
    ),
    ...problems,
  },
})

const metricsRoute = createRoute({
  ...needs('metrics:read'),
  method: 'get',
  path: '/metrics',
  tags,
  summary: 'Metrics for Prometheus',
  responses: { 200: { description: 'Text', content: { 'text/plain': { schema: z.string() } } }, ...problems },
})

/** `GET /health/live`, `/health/ready` and `/metrics`. */
export function healthRoutes(deps: Pick<ApiDependencies, 'serving' | 'reasonsNotReady' | 'missing' | 'registry'>) {
  const routes = new OpenAPIHono<ApiEnvironment>()
  routes.openapi(liveRoute, (context) => context.json({ status: 'live' as const }, 200))

  routes.openapi(readyRoute, async (context) => {
    const noModel = deps.serving.current() === null ? ['no-model'] : []
    // Side by side: each waits for servers as long as a probe has patience.
    const [missing, notReady] = await Promise.all([deps.missing(), deps.reasonsNotReady()])
    // Without its index a process can answer no search; without the log it only knows nothing new.
    const unsearchable = missing.filter((code) => code === 'index-unavailable')
    const reasons = [...new Set([...noModel, ...unsearchable, ...notReady])]
    if (reasons.length === 0) return context.json({ status: 'ready' as const, missing: [...missing] }, 200)
    const traceId = context.get('traceId')
    return problemResponse(
      problemDetails('not-ready', `Not ready: ${reasons.join(', ')}.`, { reasons, missing, traceId }),
    ) as never
  })

  routes.openapi(metricsRoute, async (context) =>
    context.text(await deps.registry.metrics(), 200, { 'content-type': deps.registry.contentType }),
  )
  return routes
}
