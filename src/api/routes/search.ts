import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { AppError } from '../../core/errors.ts'
import { needs } from '../access/route-permissions.ts'
import { askerOf } from '../access/caller.ts'
import { readBody, validate } from '../body.ts'
import { tellFailure } from '../failures.ts'
import type { ApiDependencies } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { problemDetails, publicDetail } from '../problem.ts'
import { searchOfBody, searchOfForm, searchOfQuery } from '../read-search.ts'
import { json, problems } from '../schemas.ts'
import { BatchSchema, BodySchema, FormSchema, QuerySchema, ResultSchema, ResultsSchema } from '../search-schemas.ts'
import type { SearchRequest, SearchResult } from '../search-types.ts'

const getRoute = createRoute({
  ...needs('search'),
  ...needs('search'),
  method: 'get',
  path: '/v1/search',
  tags: ['Search'],
  summary: 'Search by text, or for more like a picture',
  request: { query: QuerySchema },
  responses: { 200: json(ResultSchema, 'Best first'), ...problems },
})

const postRoute = createRoute({
  ...needs('search'),
  ...needs('search'),
  method: 'post',
  path: '/v1/search',
  tags: ['Search'],
  summary: 'Search by text, picture or embedding, or several times at once',
  request: {
    body: {
      content: {
        'application/json': { schema: z.union([BodySchema, BatchSchema]) },
        'multipart/form-data': { schema: FormSchema },
      },
    },
  },
  responses: {
    200: json(z.union([ResultSchema, ResultsSchema]), 'Best first; `results` where `queries` were sent'),
    207: json(ResultsSchema, 'Some of the queries have no answer but a problem'),
    ...problems,
  },
})

/** `GET` and `POST /v1/search`. */
export function searchRoutes({ search, logger }: Pick<ApiDependencies, 'search' | 'logger'>) {
  const routes = new OpenAPIHono<ApiEnvironment>()

  routes.openapi(getRoute, async (context) =>
    context.json(
      answer(await search.search({ ...searchOfQuery(context.req.valid('query')), principal: askerOf(context) })),
      200,
    ),
  )

  routes.openAPIRegistry.registerPath(postRoute)
  routes.post(postRoute.path, async (context) => {
    const principal = askerOf(context)
    const { type, value } = await readBody(context, { json: z.unknown(), form: FormSchema })
    if (type === 'form')
      return context.json(answer(await search.search({ ...(await searchOfForm(value)), principal })), 200)
    if (!isBatch(value))
      return context.json(answer(await search.search({ ...searchOfBody(validate(BodySchema, value)), principal })), 200)
    const requests = validate(BatchSchema, value).queries.map((query) => readable(query, principal))
    const results = await answers(requests, {
      traceId: context.get('traceId'),
      requestId: context.get('requestId'),
      route: postRoute.path,
    })
    return context.json(results, results.results.some((result) => 'problem' in result) ? 207 : 200)
  })

  const answers = async (
    requests: readonly (SearchRequest | AppError)[],
    facts: Parameters<typeof tellFailure>[2],
  ): Promise<z.input<typeof ResultsSchema>> => {
    const startedAt = performance.now()
    const found = await search.searchAll(
      requests.filter((request): request is SearchRequest => !(request instanceof AppError)),
    )
    const next = found.values()
    const results = requests.map((request) => {
      const result = request instanceof AppError ? request : (next.next().value as SearchResult | AppError)
      if (!(result instanceof AppError)) return answer(result)
      tellFailure(logger, result, facts)
      return { problem: problemDetails(result.code, publicDetail(result)) }
    })
    return { results, tookMs: performance.now() - startedAt }
  }
  return routes
}

const isBatch = (value: unknown): boolean => typeof value === 'object' && value !== null && 'queries' in value

/** One of several queries that makes no sense is its own problem. */
function readable(query: z.output<typeof BodySchema>, principal: string | null): SearchRequest | AppError {
  try {
    return { ...searchOfBody(query), principal }
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
}

const answer = (result: SearchResult): z.input<typeof ResultSchema> => ({
  ...result,
  hits: result.hits.map((hit) => ({
    ...hit,
    captions: [...hit.captions],
    duplicates: hit.duplicates === null ? null : [...hit.duplicates],
  })),
})
