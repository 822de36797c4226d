import { z } from '@hono/zod-openapi'
import { pointKinds } from '../ports/vector-index.ts'
import { FilterSchema, flatFilter } from './filter-schemas.ts'
import { CaptionSchema, FileSchema, MetadataSchema, ProblemSchema, SplitSchema } from './schemas.ts'
import { MAX_LIMIT, MAX_OFFSET, MAX_QUERIES, MAX_RERANKED, searchModes, TEXT_WEIGHT } from './search-types.ts'

const HitSchema = z
  .object({
    score: z.number().openapi({
      description:
        'Cosine in mode `vector`, BM25 in mode `text`, fused ranks in mode `hybrid`; higher is better, and modes do not compare.',
    }),
    relevance: z.number().nullable().openapi({
      description:
        'The probability that it is a right answer among all pictures; null unless pictures are found by the meaning of a text.',
    }),
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
    duplicates: z
      .array(z.uuid())
      .nullable()
      .openapi({ description: 'Its near-duplicates, where they are grouped; the first 100.' }),
    modelVersion: z.string().nullable(),
    generation: z.string().nullable(),
  })
  .openapi('Hit')

const milliseconds = z.number()

export const ResultSchema = z
  .object({
    queryId: z
      .uuid()
      .optional()
      .openapi({ description: 'For `POST /v1/feedback`; absent where queries are not kept.' }),
    hits: z.array(HitSchema),
    noMatch: z
      .boolean()
      .nullable()
      .openapi({ description: 'Whether nothing matches well; null where that is not known.' }),
    relevanceThreshold: z
      .number()
      .nullable()
      .openapi({ description: 'The relevance below which a best hit is no match, as it was fitted for the model.' }),
    release: z
      .object({ releaseId: z.string(), modelVersion: z.string(), generation: z.string() })
      .nullable()
      .openapi({ description: 'What answered; null where words were searched while there was no release.' }),
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
    cached: z
      .boolean()
      .openapi({ description: 'Whether the answer was at hand; nothing has changed since it was found.' }),
    stages: z
      .object({
        encode: milliseconds,
        search: milliseconds,
        join: milliseconds,
        rerank: milliseconds,
        total: milliseconds,
      })
      .openapi({ description: 'What the stages took, in milliseconds.' }),
    tookMs: milliseconds,
  })
  .openapi('SearchResult')

export const ResultsSchema = z
  .object({
    results: z.array(z.union([ResultSchema, z.object({ problem: ProblemSchema })])).openapi({
      description: 'For each query its answer, or its problem, in their order.',
    }),
    tookMs: milliseconds,
  })
  .openapi('SearchResults')

/** As JSON has it, or as an address and a form do. */
const flag = z.union([z.boolean(), z.enum(['true', 'false'])]).transform((value) => value === true || value === 'true')

const wishes = {
  not: z.string().optional().openapi({ description: 'What is not wanted, in words; in mode `vector`.' }),
  textWeight: z.coerce
    .number()
    .min(0)
    .max(1)
    .optional()
    .openapi({
      type: 'number',
      minimum: 0,
      maximum: 1,
      description: `What a text counts beside a picture; ${TEXT_WEIGHT} unless said otherwise.`,
    }),
  target: z.enum(pointKinds).default('images').openapi({ description: 'What is searched: pictures or captions.' }),
  mode: z.enum(searchModes).default('vector').openapi({
    description:
      '`vector`: meanings; `text`: words, without a model; while one serves, of the captions that it has embedded; `hybrid`: the first 200 of either, fused by their ranks.',
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
  minRelevance: z
    .union([z.literal('auto'), z.coerce.number().min(0).max(1)])
    .optional()
    .openapi({
      type: ['number', 'string'],
      description: 'Leaves out hits that are less relevant; `auto`: less than `relevanceThreshold`.',
    }),
  group: flag.default(false).openapi({
    type: 'boolean',
    default: false,
    description: 'Of pictures that are near-duplicates shows the best; the others are its `duplicates`.',
  }),
}

export const QuerySchema = z.strictObject({
  q: z.string().optional().openapi({ example: 'a dog on the beach' }),
  imageId: z.uuid().optional().openapi({ description: 'More like this picture, with `q` changed by these words.' }),
  ...wishes,
  ...flatFilter,
})

export const FormSchema = z.strictObject({ image: FileSchema, text: z.string().optional(), ...wishes, ...flatFilter })

export const BodySchema = z
  .strictObject({
    text: z.string().optional(),
    image: z.string().optional().openapi({ description: 'A picture file in base64.' }),
    embedding: z.array(z.number()).optional(),
    imageId: z.uuid().optional(),
    ...wishes,
    filter: FilterSchema.default({}),
  })
  .openapi('SearchRequest', {
    description: 'One of `text`, `image`, `embedding` and `imageId`, or a `text` with one of `image` and `imageId`.',
  })

export const BatchSchema = z
  .strictObject({ queries: z.array(BodySchema).min(1).max(MAX_QUERIES) })
  .openapi('SearchRequests', { description: 'Several searches, answered under one release.' })
