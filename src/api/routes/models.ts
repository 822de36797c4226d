import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { ReleaseRecord } from '../../core/events.ts'
import { lastWordOn } from '../../core/release-chain.ts'
import { needs } from '../access/route-permissions.ts'
import { callerOf } from '../access/caller.ts'
import { readOptionalJson } from '../body.ts'
import type { ApiDependencies } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { isoTime, json, problems, TimeSchema } from '../schemas.ts'

const ModelSchema = z
  .object({
    modelVersion: z.string(),
    parent: z.string().nullable(),
    requestId: z.uuid(),
    outcome: z.string().openapi({ description: '`trained`, `failed` or `superseded`.' }),
    detail: z.string().nullable(),
    metrics: z.record(z.string(), z.number()),
    startedAt: TimeSchema,
    trainedAt: TimeSchema,
    release: z.string().nullable().openapi({ description: 'The newest decision about it; null while there is none.' }),
    serving: z.boolean(),
  })
  .openapi('Model')

const ReleaseSchema = z
  .object({
    releaseId: z.uuid(),
    follows: z.uuid().nullable(),
    state: z.string(),
    modelVersion: z.string(),
    generation: z.string().nullable(),
    reason: z.string(),
    evidence: z.unknown().openapi({ description: 'The numbers behind the decision.' }),
    decidedAt: TimeSchema,
  })
  .openapi('Release')

const RetrainingSchema = z
  .object({
    requestId: z.uuid(),
    reason: z.string(),
    dataSetSize: z.int(),
    newPairs: z.int(),
    requestedAt: TimeSchema,
  })
  .openapi('Retraining')

/** The reason is always `manual`, and the data are all that there are: nothing can be chosen. */
const RetrainingBodySchema = z
  .strictObject({})
  .openapi('RetrainingRequest', { description: 'Takes no fields; may be left out.' })

const tags = ['Models']

const modelsRoute = createRoute({
  ...needs('models:read'),
  method: 'get',
  path: '/v1/models',
  tags,
  summary: 'All model versions, newest first',
  responses: { 200: json(z.object({ models: z.array(ModelSchema) }), 'The models'), ...problems },
})

const releasesRoute = createRoute({
  ...needs('models:read'),
  method: 'get',
  path: '/v1/releases',
  tags,
  summary: 'All release decisions, newest first',
  responses: { 200: json(z.object({ releases: z.array(ReleaseSchema) }), 'The decisions'), ...problems },
})

const retrainingRoute = createRoute({
  ...needs('retraining:request'),
  method: 'post',
  path: '/v1/retraining',
  tags,
  summary: 'Ask for a training now',
  request: {
    body: { required: false, content: { 'application/json': { schema: RetrainingBodySchema } } },
  },
  responses: {
    202: json(RetrainingSchema, 'The request; the gate decides whether its model is released'),
    ...problems,
  },
})

/** `GET /v1/models`, `GET /v1/releases`, `POST /v1/retraining`. */
export function modelRoutes(deps: Pick<ApiDependencies, 'catalogue' | 'serving' | 'requestRetraining'>) {
  const { catalogue, serving } = deps
  const routes = new OpenAPIHono<ApiEnvironment>()

  routes.openapi(modelsRoute, async (context) => {
    const releases = catalogue.releases()
    const served = serving.current()?.modelVersion
    const models = catalogue.models().map((model) => ({
      modelVersion: model.modelVersion,
      parent: model.parent,
      requestId: model.requestId,
      outcome: model.outcome,
      detail: model.detail,
      metrics: { ...model.metrics },
      startedAt: isoTime(model.startedAt),
      trainedAt: isoTime(model.trainedAt),
      release: lastWordOn(releases, model.modelVersion)?.state ?? null,
      serving: model.modelVersion === served,
    }))
    return context.json({ models: models.reverse() }, 200)
  })

  routes.openapi(releasesRoute, async (context) =>
    context.json({ releases: catalogue.releases().map(release).reverse() }, 200),
  )

  routes.openAPIRegistry.registerPath(retrainingRoute)
  routes.post(retrainingRoute.path, async (context) => {
    await readOptionalJson(context, RetrainingBodySchema)
    const { requestId, reason, dataSetSize, newPairs, requestedAt } = await deps.requestRetraining(callerOf(context))
    return context.json({ requestId, reason, dataSetSize, newPairs, requestedAt: isoTime(requestedAt) }, 202)
  })
  return routes
}

const release = ({ decidedAt, evidence, ...record }: ReleaseRecord) => ({
  ...record,
  evidence: readEvidence(evidence),
  decidedAt: isoTime(decidedAt),
})

/** Evidence is JSON by contract; what a newer writer wrote otherwise is shown as it is. */
function readEvidence(evidence: string | null): z.core.util.JSONType {
  if (evidence === null) return null
  try {
    return JSON.parse(evidence) as z.core.util.JSONType
  } catch {
    return evidence
  }
}
