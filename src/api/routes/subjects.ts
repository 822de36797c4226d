import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { MAX_SUBJECT_LENGTH } from '../../core/pair-fields.ts'
import { callerOf } from '../access/caller.ts'
import { needs } from '../access/route-permissions.ts'
import type { ApiDependencies } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { isoTime, json, MetadataSchema, problems, SplitSchema, TimeSchema } from '../schemas.ts'
import { imageAddress } from '../search-types.ts'

const params = z.object({
  // Not `id`: the audit log is kept for ever, and names no person that a path names.
  subject: z
    .string()
    .min(1)
    .max(MAX_SUBJECT_LENGTH)
    .openapi({
      param: { name: 'subject', in: 'path' },
      description: 'The data subject, as pairs name it, or who asked.',
    }),
})

const ExportSchema = z
  .object({
    subject: z.string(),
    pairs: z.array(
      z.object({
        pairId: z.uuid(),
        imageId: z.uuid(),
        image: z.string().openapi({ description: 'The address of the picture.' }),
        caption: z.string().nullable(),
        split: SplitSchema,
        source: z.string(),
        metadata: MetadataSchema,
        publishedAt: TimeSchema,
      }),
    ),
    queries: z.array(
      z.object({
        queryId: z.uuid(),
        input: z.string(),
        text: z.string().nullable(),
        imageId: z.string().nullable(),
        hits: z.array(z.object({ imageId: z.string(), pairId: z.string().nullable(), score: z.number() })),
        askedAt: TimeSchema,
      }),
    ),
    feedback: z.array(
      z.object({
        queryId: z.uuid(),
        action: z.string(),
        imageId: z.string(),
        pairId: z.string().nullable(),
        givenAt: TimeSchema,
      }),
    ),
  })
  .openapi('SubjectExport')

const exportRoute = createRoute({
  ...needs('subjects:export'),
  method: 'get',
  path: '/v1/subjects/{subject}/export',
  tags: ['Privacy'],
  summary: 'Everything that is kept of a person',
  description:
    'The pairs that name the subject, and what it asked and judged within the last 90 days. Empty lists where nothing is kept.',
  request: { params },
  responses: { 200: json(ExportSchema, 'All that is kept now'), ...problems },
})

const ErasureSchema = z
  .object({
    subject: z.string(),
    pairs: z.array(
      z.object({
        pairId: z.uuid(),
        receipt: z.string().openapi({ description: 'Where the receipt of the erasure is.' }),
      }),
    ),
    queries: z.int().openapi({ description: 'How many searches were taken back.' }),
    feedback: z.int().openapi({ description: 'How many opinions and clicks were taken back.' }),
  })
  .openapi('SubjectErasure')

const deleteRoute = createRoute({
  ...needs('subjects:erase'),
  method: 'delete',
  path: '/v1/subjects/{subject}',
  tags: ['Privacy'],
  summary: 'Erase everything of a person',
  description:
    'Erases every pair that names the subject, each with a receipt, and takes back what it asked and judged. Sending it again changes nothing, and finishes what was interrupted.',
  request: { params },
  responses: { 202: json(ErasureSchema, 'What is being erased'), ...problems },
})

/** `GET /v1/subjects/{subject}/export` and `DELETE /v1/subjects/{subject}`. */
export function subjectRoutes({ subjectData, eraseSubject }: Pick<ApiDependencies, 'subjectData' | 'eraseSubject'>) {
  const routes = new OpenAPIHono<ApiEnvironment>()

  routes.openapi(exportRoute, async (context) => {
    const { subject } = context.req.valid('param')
    const { pairs, queries, feedback } = await subjectData(subject, context.req.raw.signal)
    return context.json(
      {
        subject,
        pairs: pairs.map(({ pairId, imageId, caption, split, source, metadata, publishedAt }) => ({
          ...{ pairId, imageId, caption, split, source, metadata },
          image: imageAddress(imageId),
          publishedAt: isoTime(publishedAt),
        })),
        queries: queries.map(({ queryId, input, text, imageId, hits, askedAt }) => ({
          ...{ queryId, input, text, imageId },
          hits: hits.map((hit) => ({ ...hit })),
          askedAt: isoTime(askedAt),
        })),
        feedback: feedback.map(({ queryId, action, imageId, pairId, givenAt }) => ({
          ...{ queryId, action, imageId, pairId },
          givenAt: isoTime(givenAt),
        })),
      },
      200,
    )
  })

  routes.openapi(deleteRoute, async (context) => {
    const { subject } = context.req.valid('param')
    const { pairIds, queries, feedback } = await eraseSubject(subject, callerOf(context))
    const pairs = pairIds.map((pairId) => ({ pairId, receipt: `/v1/erasures/${pairId}` }))
    return context.json({ subject, pairs, queries, feedback }, 202)
  })
  return routes
}
