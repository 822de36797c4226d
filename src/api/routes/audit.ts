import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { needs } from '../access/route-permissions.ts'
import type { ApiDependencies } from '../dependencies.ts'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { isoTime, json, problems, TimeSchema } from '../schemas.ts'

const EntrySchema = z
  .object({
    offset: z.int(),
    writer: z.string(),
    sequence: z.int(),
    previousHash: z.string(),
    hash: z.string(),
    principal: z.string(),
    action: z.string(),
    object: z.string().nullable(),
    count: z.int(),
    outcome: z.string().openapi({ description: '`asked` before a change; then `ok`, or the code of the problem.' }),
    at: TimeSchema,
    traceId: z.string().nullable(),
  })
  .openapi('AuditEntry')

const auditRoute = createRoute({
  ...needs('audit:read'),
  method: 'get',
  path: '/v1/audit',
  tags: ['Access'],
  summary: 'Who did what, newest first, page by page',
  request: {
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(500).default(100),
      before: z.coerce.number().int().min(0).optional().openapi({ description: 'The `next` of the page before.' }),
    }),
  },
  responses: {
    200: json(
      z.object({
        entries: z.array(EntrySchema),
        unreadable: z.int().openapi({ description: 'Records of this page that cannot be read.' }),
        next: z.int().nullable(),
      }),
      'A page',
    ),
    ...problems,
  },
})

/** `GET /v1/audit`. */
export function auditRoutes({ audit }: Pick<ApiDependencies, 'audit'>) {
  return new OpenAPIHono<ApiEnvironment>().openapi(auditRoute, async (context) => {
    const { limit, before } = context.req.valid('query')
    const records = await audit.page(before ?? null, limit)
    const entries = records.flatMap(({ offset, entry }) =>
      entry === null ? [] : [{ offset, ...entry, at: isoTime(entry.at) }],
    )
    const next = records.at(-1)?.offset ?? 0
    return context.json({ entries, unreadable: records.length - entries.length, next: next === 0 ? null : next }, 200)
  })
}
