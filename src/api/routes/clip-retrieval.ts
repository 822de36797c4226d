import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { AppError } from '../../core/errors.ts'
import { askerOf } from '../access/caller.ts'
import { needs } from '../access/route-permissions.ts'
import { readAnyJson } from '../body.ts'
import type { ApiDependencies } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { json, problems } from '../schemas.ts'
import { imageAddress, MAX_LIMIT, type SearchInput } from '../search-types.ts'
import { decodeBase64 } from '../uploads.ts'

// The protocol of clip-retrieval's back end (github.com/rom1504/clip-retrieval, clip_back.py, 2.45), with its own names. Its client sends JSON
// without saying so, and members that are about models that are not here: those are passed over, as there where such a model is not loaded.

/** What the one index is called there. */
const INDEX = 'pairstream'
const MAX_IDS = 1_000

const absent = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? undefined)

const KnnSchema = z
  .object({
    text: absent(z.string()),
    image: absent(z.string()).openapi({ description: 'A picture file in base64.' }),
    image_url: absent(z.string()),
    embedding_input: absent(z.array(z.number())),
    modality: z.enum(['image', 'text']).default('image'),
    num_images: z
      .int()
      .min(1)
      .default(40)
      .openapi({ description: 'How many results have more than id and similarity.' }),
    num_result_ids: absent(z.int().min(1)).openapi({ description: `How many results; ${MAX_LIMIT} at most.` }),
    indice_name: absent(z.string()).openapi({ description: `\`${INDEX}\`, as \`/indices-list\` says.` }),
    deduplicate: absent(z.boolean()).openapi({ description: 'Whether near-duplicates are left out.' }),
  })
  .openapi('KnnRequest')

const KnnResultSchema = z
  .looseObject({
    id: z.uuid(),
    similarity: z.number(),
    url: z.string().optional(),
    caption: z.string().optional(),
  })
  .openapi('KnnResult', {
    description: 'Metadata of the picture stand beside these, unless they have one of these names.',
  })

const MetadataRequestSchema = z
  .object({ ids: z.array(z.uuid()).max(MAX_IDS), indice_name: absent(z.string()) })
  .openapi('MetadataRequest')

const MetadataResultSchema = z
  .object({ id: z.uuid(), metadata: z.looseObject({ url: z.string(), caption: z.string().optional() }) })
  .openapi('MetadataResult')

const tags = ['clip-retrieval']
const content = <S extends z.ZodType>(schema: S) => ({
  body: { content: { 'application/json': { schema } }, required: true },
})

const indicesRoute = createRoute({
  ...needs('search'),
  method: 'get',
  path: '/indices-list',
  tags,
  summary: 'The names of indices',
  responses: { 200: json(z.array(z.string()), 'The one there is') },
})

const knnRoute = createRoute({
  ...needs('search'),
  method: 'post',
  path: '/knn-service',
  tags,
  summary: 'The pictures or captions nearest to a text, a picture or an embedding',
  request: content(KnnSchema),
  responses: { 200: json(z.array(KnnResultSchema), 'Best first'), ...problems },
})

const metadataRoute = createRoute({
  ...needs('pairs:read'),
  method: 'post',
  path: '/metadata',
  tags,
  summary: 'What is known of results',
  request: content(MetadataRequestSchema),
  responses: {
    200: json(z.array(MetadataResultSchema), 'Of those that are alive, in the order of the request'),
    ...problems,
  },
})

/** `GET /indices-list`, `POST /knn-service` and `/metadata`, for clients of clip-retrieval. */
export function clipRetrievalRoutes({ search, catalogue }: Pick<ApiDependencies, 'search' | 'catalogue'>) {
  const routes = new OpenAPIHono<ApiEnvironment>()

  routes.openapi(indicesRoute, (context) => context.json([INDEX], 200))

  routes.openAPIRegistry.registerPath(knnRoute)
  routes.post(knnRoute.path, async (context) => {
    const asked = await readAnyJson(context, KnnSchema)
    requireIndex(asked.indice_name)
    const target = asked.modality === 'image' ? 'images' : 'captions'
    const { hits } = await search.search({
      input: inputOf(asked),
      target,
      mode: 'vector',
      limit: Math.min(asked.num_result_ids ?? asked.num_images, MAX_LIMIT),
      offset: 0,
      filter: {},
      principal: askerOf(context),
      group: asked.deduplicate === true && target === 'images',
    })
    const results = hits.map(({ imageId, pairId, score, caption, captions, metadata }, index) => ({
      ...(index < asked.num_images ? described(context, imageId, caption ?? captions[0]?.caption, metadata) : {}),
      id: pairId ?? imageId,
      similarity: score,
    }))
    return context.json(results, 200)
  })

  routes.openAPIRegistry.registerPath(metadataRoute)
  routes.post(metadataRoute.path, async (context) => {
    const { ids, indice_name } = await readAnyJson(context, MetadataRequestSchema)
    requireIndex(indice_name)
    const results = ids.flatMap((id) => {
      const image = catalogue.image(id)
      if (image !== null) return [{ id, metadata: described(context, id, image.captions[0]?.caption, image.metadata) }]
      const pair = catalogue.pair(id)
      if (pair === null || pair.erased) return []
      return [{ id, metadata: described(context, pair.imageId, pair.caption ?? undefined, pair.metadata) }]
    })
    return context.json(results, 200)
  })
  return routes
}

function inputOf({ text, image, image_url, embedding_input }: z.output<typeof KnnSchema>): SearchInput {
  if (text !== undefined && text !== '') return { kind: 'text', text }
  if (image !== undefined) return { kind: 'picture', bytes: decodeBase64('image', image) }
  if (image_url !== undefined) {
    throw new AppError(
      'invalid-request',
      'image_url: pictures are not fetched from addresses here; send the file itself as "image".',
    )
  }
  if (embedding_input !== undefined) return { kind: 'embedding', embedding: embedding_input }
  throw new AppError('invalid-request', 'Give a "text", an "image" in base64 or an "embedding_input"; see /docs.')
}

function requireIndex(name: string | undefined): void {
  if (name === undefined || name === INDEX) return
  throw new AppError('not-found', `There is no index of this name; /indices-list names the one there is, "${INDEX}".`)
}

/** Clients show pictures by address, wherever they themselves come from. */
const described = (
  context: Context,
  imageId: string,
  caption: string | undefined,
  metadata: Readonly<Record<string, string>>,
) => ({
  ...metadata,
  url: new URL(imageAddress(imageId), context.req.url).href,
  ...(caption === undefined ? {} : { caption }),
})
