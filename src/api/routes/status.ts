import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { needs } from '../access/route-permissions.ts'
import type { ApiDependencies } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { isoTime, json, problems, TimeSchema } from '../schemas.ts'

const StatusSchema = z
  .object({
    version: z.string(),
    images: z.int(),
    pairs: z.int().openapi({ description: 'Live pairs with a caption.' }),
    counted: z.int().openapi({ description: 'Of these, in the train split.' }),
    training: z.object({
      base: z.int().openapi({ description: 'Live counted pairs in the last requested snapshot.' }),
      newPairs: z.int().openapi({ description: 'Live counted pairs outside it.' }),
      threshold: z.number().openapi({ description: 'A training is requested once newPairs / base is past it.' }),
      missingPairs: z.int().openapi({ description: 'Missing until the first training; 0 once it was requested.' }),
    }),
    release: z
      .object({ modelVersion: z.string(), generation: z.string(), state: z.string(), since: TimeSchema })
      .nullable()
      .openapi({ description: 'What is served; null while there is no model.' }),
    lag: z.record(z.string(), z.int()).openapi({ description: 'Records not yet consumed, by consumer group.' }),
  })
  .openapi('Status')

const statusRoute = createRoute({
  ...needs('status:read'),
  method: 'get',
  path: '/v1/status',
  tags: ['Operation'],
  summary: 'What is stored, what is served, how far the next training is',
  responses: { 200: json(StatusSchema, 'The status'), ...problems },
})

/** `GET /v1/status`. */
export function statusRoutes(deps: Pick<ApiDependencies, 'catalogue' | 'serving' | 'progress' | 'lag' | 'version'>) {
  return new OpenAPIHono<ApiEnvironment>().openapi(statusRoute, async (context) => {
    const current = deps.serving.current()
    const release =
      current === null
        ? null
        : {
            modelVersion: current.modelVersion,
            generation: current.generation,
            state: current.release.state,
            since: isoTime(current.release.decidedAt),
          }
    const lag = { ...(await deps.lag()) }
    const { images, pairs, counted } = deps.catalogue.counts()
    return context.json({ version: deps.version, images, pairs, counted, training: deps.progress(), release, lag }, 200)
  })
}
