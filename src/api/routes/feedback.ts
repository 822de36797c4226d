import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { feedbackActions } from '../../core/events.ts'
import { askerOf } from '../access/caller.ts'
import { needs } from '../access/route-permissions.ts'
import { readJsonBody } from '../body.ts'
import type { ApiDependencies } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { json, problems } from '../schemas.ts'
import { MAX_LIMIT, MAX_OFFSET } from '../search-types.ts'

const FeedbackSchema = z
  .strictObject({
    queryId: z.uuid().openapi({ description: 'Of the answer that had the hit.' }),
    action: z
      .enum(feedbackActions)
      .openapi({ description: '`click`: it was opened; `up`, `down`: it is an answer, or none.' }),
    imageId: z.uuid(),
    pairId: z.uuid().nullable().default(null).openapi({ description: 'The caption, where captions were searched.' }),
    position: z
      .int()
      .min(0)
      .max(MAX_OFFSET + MAX_LIMIT)
      .nullable()
      .default(null)
      .openapi({ description: 'Where the hit stood, from 0: what stands first is clicked more, whatever it is.' }),
  })
  .openapi('Feedback')

const route = createRoute({
  ...needs('feedback:give'),
  method: 'post',
  path: '/v1/feedback',
  tags: ['Search'],
  summary: 'Say what became of a hit',
  description:
    'Tells that a hit was opened, or that it answers the query or does not. Of one opinion on a hit by the same caller the newest counts.',
  request: { body: { content: { 'application/json': { schema: FeedbackSchema } } } },
  responses: { 202: json(z.object({ queryId: z.uuid() }), 'It is kept'), ...problems },
})

/** `POST /v1/feedback`. */
export function feedbackRoutes({ recordFeedback }: Pick<ApiDependencies, 'recordFeedback'>) {
  const routes = new OpenAPIHono<ApiEnvironment>()
  routes.openAPIRegistry.registerPath(route)
  routes.post(route.path, async (context) => {
    const value = await readJsonBody(context, FeedbackSchema)
    await recordFeedback({ ...value, principal: askerOf(context) })
    return context.json({ queryId: value.queryId }, 202)
  })
  return routes
}
