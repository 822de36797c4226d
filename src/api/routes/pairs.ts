import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { embedGroup } from '../../core/consumer-groups.ts'
import { AppError } from '../../core/errors.ts'
import { needs } from '../access/route-permissions.ts'
import { callerOf } from '../access/caller.ts'
import { readBody } from '../body.ts'
import type { ApiDependencies, PairEntry, PublishResult } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import {
  ErasureAcceptedSchema,
  pairAddress,
  PairListSchema,
  PairStatusSchema,
  pairStatus,
  publishedPair,
  PublishedManySchema,
  PublishedSchema,
  receipt,
  ReceiptSchema,
} from '../pair-answers.ts'
import { isSinglePair, pairEntries, PairBatchSchema, PairFormSchema, PairSchema } from '../pair-entries.ts'
import { json, pathId, problems } from '../schemas.ts'
import { ifLogAnswers, readSettled } from '../settle.ts'

const tags = ['Pairs']

const postRoute = createRoute({
  ...needs('pairs:publish'),
  method: 'post',
  path: '/v1/pairs',
  tags,
  summary: 'Publish one pair or many',
  description:
    'One: 202 with its address, or its problem. Many: 202 when all were taken, 207 when some were rejected; each says what became of it. Repeating a request does no harm.',
  request: {
    body: {
      content: {
        'application/json': { schema: z.union([PairSchema, PairBatchSchema]) },
        'multipart/form-data': { schema: PairFormSchema },
      },
    },
  },
  responses: {
    202: json(z.union([PublishedSchema, PublishedManySchema]), 'Stored durably; found by search within a second'),
    207: json(PublishedManySchema, 'Some were rejected'),
    ...problems,
  },
})

const getRoute = createRoute({
  ...needs('pairs:read'),
  method: 'get',
  path: '/v1/pairs/{id}',
  tags,
  summary: 'How far a pair is',
  request: { params: pathId('pairId') },
  responses: { 200: json(PairStatusSchema, 'The pair'), ...problems },
})

const listRoute = createRoute({
  ...needs('pairs:read'),
  method: 'get',
  path: '/v1/pairs',
  tags,
  summary: 'List the live pairs, page by page',
  request: {
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(500).default(100),
      cursor: z.union([z.uuid(), z.literal('')]).default(''),
    }),
  },
  responses: { 200: json(PairListSchema, 'A page, in the order of the ids'), ...problems },
})

const deleteRoute = createRoute({
  ...needs('pairs:erase'),
  method: 'delete',
  path: '/v1/pairs/{id}',
  tags,
  summary: 'Erase a pair for good',
  request: { params: pathId('pairId') },
  responses: { 202: json(ErasureAcceptedSchema, 'It is no longer found; the receipt follows'), ...problems },
})

const receiptRoute = createRoute({
  ...needs('pairs:read'),
  method: 'get',
  path: '/v1/erasures/{id}',
  tags,
  summary: 'The receipt of an erasure',
  request: { params: pathId('pairId') },
  responses: { 200: json(ReceiptSchema, 'The receipt'), ...problems },
})

/** `POST` and `GET /v1/pairs`, `GET` and `DELETE /v1/pairs/{id}`, `GET /v1/erasures/{id}`. */
export function pairRoutes(deps: Pick<ApiDependencies, 'publish' | 'erase' | 'catalogue' | 'log' | 'serving'>) {
  const { catalogue, log } = deps
  const routes = new OpenAPIHono<ApiEnvironment>()

  routes.openAPIRegistry.registerPath(postRoute)
  routes.post(postRoute.path, async (context) => {
    const body = await readBody(context, { json: z.union([PairBatchSchema, PairSchema]), form: PairFormSchema })
    const results = await publishAll(pairEntries(body), deps.publish)
    context.set('auditedCount', results.filter(({ outcome }) => outcome !== 'rejected').length)
    const [first] = results
    if (first === undefined || !isSinglePair(body)) {
      const anyRejected = results.some(({ outcome }) => outcome === 'rejected')
      return context.json({ pairs: results.map(publishedPair) }, anyRejected ? 207 : 202)
    }
    if (first.outcome === 'rejected') throw new AppError(first.code ?? 'internal', first.detail ?? '')
    return context.json(publishedPair(first), 202, { location: pairAddress(first.pairId ?? '') })
  })

  routes.openapi(getRoute, async (context) => {
    const { id } = context.req.valid('param')
    const pair = await readSettled(catalogue, log, () => catalogue.pair(id))
    if (pair === null) throw new AppError('pair-not-found', `There is no pair ${id}.`)
    return context.json(pairStatus(pair, await serving(deps), catalogue.erasure(id)), 200)
  })

  routes.openapi(listRoute, async (context) => {
    const { limit, cursor } = context.req.valid('query')
    const pairs = catalogue.pairPage(cursor, limit)
    const served = await serving(deps)
    const next = pairs.length < limit ? null : (pairs.at(-1)?.pairId ?? null)
    return context.json({ pairs: pairs.map((pair) => pairStatus(pair, served, null)), next }, 200)
  })

  routes.openapi(deleteRoute, async (context) => {
    const { id } = context.req.valid('param')
    const known = await readSettled(catalogue, log, () => catalogue.pair(id) ?? catalogue.erasure(id))
    if (known === null) throw new AppError('pair-not-found', `There is no pair ${id}.`)
    // One that was erased may have been restored and published again since.
    const live = await readSettled(catalogue, log, () => (catalogue.isErased(id) ? null : true))
    if (live !== null) {
      await deps.erase(id, callerOf(context))
      await readSettled(catalogue, log, () => (catalogue.isErased(id) ? true : null))
    }
    return context.json({ pairId: id, receipt: `/v1/erasures/${id}` }, 202)
  })

  routes.openapi(receiptRoute, async (context) => {
    const { id } = context.req.valid('param')
    const erasure = await readSettled(catalogue, log, () => catalogue.erasure(id))
    if (erasure === null) throw new AppError('not-found', `The pair ${id} was not erased.`)
    return context.json(receipt(erasure), 200)
  })
  return routes
}

/** What is served, and how far its group has come as far as the log tells. */
async function serving({ serving, log }: Pick<ApiDependencies, 'serving' | 'log'>) {
  const generation = serving.current()?.generation
  if (generation === undefined) return null
  const committed = await ifLogAnswers(log.committedOffsets(embedGroup(generation), 'pairs'), new Map())
  return { generation, committed }
}

/** Publishes all at once, but the captions of one picture in their order. */
function publishAll(entries: readonly PairEntry[], publish: ApiDependencies['publish']): Promise<PublishResult[]> {
  const turns = new Map<PairEntry['image'], Promise<PublishResult>>()
  const publishNext = async (entry: PairEntry): Promise<PublishResult> => {
    await turns.get(entry.image)
    return publish(entry)
  }
  return Promise.all(
    entries.map((entry) => {
      const turn = publishNext(entry)
      turns.set(entry.image, turn)
      return turn
    }),
  )
}
