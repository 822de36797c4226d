import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { AppError } from '../../core/errors.ts'
import { pointKinds } from '../../ports/vector-index.ts'
import { needs } from '../access/route-permissions.ts'
import { readBody, type Body } from '../body.ts'
import type { ApiDependencies } from '../dependencies.ts'
import { filterOf, FilterSchema, flatFilter } from '../filter-schemas.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { CaptionSchema, FileSchema, json, MetadataSchema, problems, SplitSchema } from '../schemas.ts'
import {
  MAX_LIMIT,
  MAX_OFFSET,
  MAX_RERANKED,
  searchModes,
  type SearchInput,
  type SearchRequest,
  type SearchResult,
} from '../search-types.ts'
import { decodeBase64, fileBytes } from '../uploads.ts'

const HitSchema = z
  .object({
    score: z.number().openapi({ description: 'Cosine in mode `vector`, BM25 in mode `text`; higher is better.' }),
    rerankScore: z.number().nullable().openapi({
      description: "A reranker's score of its best caption; null where the hit stands where it was found.",
    }),
    imageId: z.uuid(),
    image: z.string().openapi({ description: 'The address of the picture.' }),
    captions: z.array(CaptionSchema),
    pairId: z
      .uuid()
      .nullable()
      .openapi({ description: 'The caption that was found; null where pictures are searched.' }),
    caption: z.string().nullable(),
    split: SplitSchema,
    metadata: MetadataSchema,
    modelVersion: z.string().nullable(),
    generation: z.string().nullable(),
  })
  .openapi('Hit')

const ResultSchema = z
  .object({
    queryId: z
      .uuid()
      .optional()
      .openapi({ description: 'For `POST /v1/feedback`; absent where queries are not kept.' }),
    hits: z.array(HitSchema),
    modelVersion: z.string().nullable(),
    generation: z.string().nullable(),
    reranked: z
      .object({
        hits: z.int().openapi({ description: 'How many were put into a better order.' }),
        modelVersion: z.string().nullable(),
        scale: z.enum(['logit', 'probability']).nullable(),
        failure: z
          .object({ code: z.string(), detail: z.string() })
          .nullable()
          .openapi({ description: 'Why not, where the hits come in their own order.' }),
      })
      .nullable()
      .openapi({ description: 'What became of the reranking; null where none was asked for.' }),
    tookMs: z.number(),
  })
  .openapi('SearchResult')

const page = {
  target: z.enum(pointKinds).default('images').openapi({ description: 'What is searched: pictures or captions.' }),
  mode: z.enum(searchModes).default('vector').openapi({
    description:
      '`vector`: meanings; `text`: words, without a model; while one serves, of the captions that it has embedded.',
  }),
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(10),
  offset: z.coerce
    .number()
    .int()
    .min(0)
    .max(MAX_OFFSET)
    .default(0)
    .openapi({ type: 'integer', minimum: 0, maximum: MAX_OFFSET, default: 0 }),
  rerank: z.coerce.number().int().min(0).max(MAX_RERANKED).default(0).openapi({
    type: 'integer',
    minimum: 0,
    maximum: MAX_RERANKED,
    default: 0,
    description: 'How many of the first hits a reranker puts into a better order, by their captions; of texts only.',
  }),
}

const QuerySchema = z.strictObject({
  q: z.string().optional().openapi({ example: 'a dog on the beach' }),
  imageId: z.uuid().optional().openapi({ description: 'More like this picture.' }),
  ...page,
  ...flatFilter,
})

const FormSchema = z.strictObject({ image: FileSchema, ...page, ...flatFilter })

const BodySchema = z
  .strictObject({
    text: z.string().optional(),
    image: z.string().optional().openapi({ description: 'A picture file in base64.' }),
    embedding: z.array(z.number()).optional(),
    imageId: z.uuid().optional(),
    ...page,
    filter: FilterSchema.default({}),
  })
  .openapi('SearchRequest', { description: 'One of `text`, `image`, `embedding` and `imageId`.' })

const responses = { 200: json(ResultSchema, 'Best first'), ...problems }

const getRoute = createRoute({
  ...needs('search'),
  method: 'get',
  path: '/v1/search',
  tags: ['Search'],
  summary: 'Search by text, or for more like a picture',
  request: { query: QuerySchema },
  responses,
})

const postRoute = createRoute({
  ...needs('search'),
  method: 'post',
  path: '/v1/search',
  tags: ['Search'],
  summary: 'Search by text, picture or embedding',
  request: {
    body: { content: { 'application/json': { schema: BodySchema }, 'multipart/form-data': { schema: FormSchema } } },
  },
  responses,
})

/** `GET` and `POST /v1/search`. */
export function searchRoutes({ search }: Pick<ApiDependencies, 'search'>) {
  const routes = new OpenAPIHono<ApiEnvironment>()

  routes.openapi(getRoute, async (context) => {
    const { q, imageId, split, metadata, ...page } = context.req.valid('query')
    const input = onlyInput([
      q === undefined ? null : { kind: 'text', text: q },
      imageId === undefined ? null : { kind: 'image', imageId },
    ])
    return context.json(answer(await search.search({ input, filter: filterOf(split, metadata), ...page })), 200)
  })

  routes.openAPIRegistry.registerPath(postRoute)
  routes.post(postRoute.path, async (context) => {
    const body = await readBody(context, { json: BodySchema, form: FormSchema })
    return context.json(answer(await search.search(await searchRequest(body))), 200)
  })
  return routes
}

async function searchRequest(
  body: Body<z.output<typeof BodySchema>, z.output<typeof FormSchema>>,
): Promise<SearchRequest> {
  if (body.type === 'form') {
    const { image, split, metadata, ...page } = body.value
    return {
      input: { kind: 'picture', bytes: await fileBytes('image', image) },
      filter: filterOf(split, metadata),
      ...page,
    }
  }
  const { text, image, embedding, imageId, ...rest } = body.value
  const input = onlyInput([
    text === undefined ? null : { kind: 'text', text },
    image === undefined ? null : { kind: 'picture', bytes: decodeBase64('image', image) },
    embedding === undefined ? null : { kind: 'embedding', embedding },
    imageId === undefined ? null : { kind: 'image', imageId },
  ])
  return { input, ...rest }
}

function onlyInput(inputs: readonly (SearchInput | null)[]): SearchInput {
  const [input, second] = inputs.filter((given) => given !== null)
  if (input === undefined || second !== undefined) {
    throw new AppError(
      'invalid-request',
      'Give one thing to search for: a text, a picture, an embedding, or a picture id; see /docs.',
    )
  }
  return input
}

const answer = (result: SearchResult): z.input<typeof ResultSchema> => ({
  ...result,
  hits: result.hits.map((hit) => ({ ...hit, captions: [...hit.captions] })),
})
