import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { AppError } from '../../core/errors.ts'
import { askerOf } from '../access/caller.ts'
import { forAnyone, needs } from '../access/route-permissions.ts'
import { readBody } from '../body.ts'
import type { ApiDependencies } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { FileSchema, json, problems } from '../schemas.ts'
import { normaliseQuery } from '../query-vector.ts'
import { MAX_LIMIT } from '../search-types.ts'
import { decodeBase64, fileBytes } from '../uploads.ts'

// The names here are those that existing clients of such systems send and expect, hence the underscores.

const EmbeddingSchema = z
  .object({
    embedding: z.array(z.number()).openapi({ description: 'Unit length.' }),
    embeddings: z
      .array(z.array(z.number()))
      .optional()
      .openapi({ description: 'All of them, where `texts` were sent.' }),
    dimension: z.int(),
    model_version: z.string(),
  })
  .openapi('Embedding')

const MAX_TEXTS = 256
const TextsSchema = z.union([
  z.object({ texts: z.array(z.string()).min(1).max(MAX_TEXTS) }),
  z.object({ text: z.string() }),
])
const ImageBodySchema = z.object({ image: z.string().openapi({ description: 'A picture file in base64.' }) })
const ImageFormSchema = z.object({ file: FileSchema.optional(), image: FileSchema.optional() })

const SearchBodySchema = z.object({
  query: z.string().optional(),
  text: z.string().optional(),
  top_k: z.int().min(1).max(MAX_LIMIT).default(10),
})
const ResultsSchema = z
  .object({
    results: z.array(
      z.object({
        image_id: z.uuid(),
        score: z.number(),
        caption: z.string().nullable(),
        captions: z.array(z.string()),
        image_url: z.string(),
      }),
    ),
    model_version: z.string().nullable(),
  })
  .openapi('PlainResults')

const tags = ['Plain']

const healthRoute = createRoute({
  ...forAnyone,
  method: 'get',
  path: '/health',
  tags,
  summary: 'Whether the process answers',
  responses: {
    200: json(
      z.object({ status: z.literal('ok'), model_loaded: z.boolean(), model_version: z.string().nullable() }),
      'It does',
    ),
  },
})

const textRoute = createRoute({
  ...needs('search'),
  method: 'post',
  path: '/encode_text',
  tags,
  summary: 'The embedding of a text, or of several',
  request: { body: { content: { 'application/json': { schema: TextsSchema } }, required: true } },
  responses: { 200: json(EmbeddingSchema, 'The embedding'), ...problems },
})

const imageRoute = createRoute({
  ...needs('search'),
  method: 'post',
  path: '/encode_image',
  tags,
  summary: 'The embedding of a picture',
  request: {
    body: {
      content: { 'application/json': { schema: ImageBodySchema }, 'multipart/form-data': { schema: ImageFormSchema } },
    },
  },
  responses: { 200: json(EmbeddingSchema, 'The embedding'), ...problems },
})

const searchRoute = createRoute({
  ...needs('search'),
  method: 'post',
  path: '/search_images_by_text',
  tags,
  summary: 'The pictures nearest to a text',
  request: { body: { content: { 'application/json': { schema: SearchBodySchema } }, required: true } },
  responses: { 200: json(ResultsSchema, 'Best first'), ...problems },
})

/** `GET /health`, `POST /encode_text`, `/encode_image` and `/search_images_by_text`. */
export function plainRoutes({ serving, search }: Pick<ApiDependencies, 'serving' | 'search'>) {
  const routes = new OpenAPIHono<ApiEnvironment>()

  routes.openapi(healthRoute, (context) => {
    const version = serving.current()?.modelVersion ?? null
    return context.json({ status: 'ok' as const, model_loaded: version !== null, model_version: version }, 200)
  })

  routes.openapi(textRoute, async (context) => {
    const body = context.req.valid('json')
    const texts = ('texts' in body ? body.texts : [body.text]).map(normaliseQuery)
    const { vectors, modelVersion } = await serving.hold(async ({ encoder, modelVersion }) => ({
      vectors: await encoder.encodeTexts(texts),
      modelVersion,
    }))
    const embeddings = 'texts' in body ? { embeddings: vectors.map((vector) => [...vector]) } : {}
    return context.json({ ...embedding(vectors[0], modelVersion), ...embeddings }, 200)
  })

  routes.openAPIRegistry.registerPath(imageRoute)
  routes.post(imageRoute.path, async (context) => {
    const body = await readBody(context, { json: ImageBodySchema, form: ImageFormSchema })
    const bytes = body.type === 'json' ? decodeBase64('image', body.value.image) : await formPicture(body.value)
    const { vectors, modelVersion } = await serving.hold(async ({ encoder, modelVersion }) => ({
      vectors: await encoder.encodeImages([{ imageId: null, bytes: async () => bytes }]),
      modelVersion,
    }))
    return context.json(embedding(vectors[0], modelVersion), 200)
  })

  routes.openapi(searchRoute, async (context) => {
    const { query, text, top_k: limit } = context.req.valid('json')
    const words = query ?? text
    if (words === undefined) throw new AppError('invalid-request', 'query: say what to search for; see /docs.')
    const input = { kind: 'text', text: words } as const
    const { hits, modelVersion } = await search.search({
      input,
      target: 'images',
      mode: 'vector',
      limit,
      offset: 0,
      filter: {},
      principal: askerOf(context),
    })
    const results = hits.map(({ imageId, score, captions, image }) => ({
      image_id: imageId,
      score,
      caption: captions[0]?.caption ?? null,
      captions: captions.map(({ caption }) => caption),
      image_url: image,
    }))
    return context.json({ results, model_version: modelVersion }, 200)
  })
  return routes
}

async function formPicture({ file, image }: z.output<typeof ImageFormSchema>): Promise<Uint8Array> {
  const picture = file ?? image
  if (picture === undefined) throw new AppError('invalid-request', 'file: attach the picture under this name.')
  return fileBytes('file', picture)
}

const embedding = (vector: Float32Array | undefined, modelVersion: string): z.input<typeof EmbeddingSchema> => ({
  embedding: [...(vector ?? [])],
  dimension: vector?.length ?? 0,
  model_version: modelVersion,
})
