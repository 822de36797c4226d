import { z } from '@hono/zod-openapi'
import type { CataloguePair } from '../catalogue/catalogue.ts'
import type { ErasureRecord } from '../core/events.ts'
import type { Offsets } from '../ports/event-log.ts'
import type { PublishResult } from './dependencies.ts'
import { problemDetails } from './problem.ts'
import { isoTime, MetadataSchema, ProblemSchema, SplitSchema, TimeSchema } from './schemas.ts'

export const PublishedSchema = z
  .object({
    outcome: z.enum(['accepted', 'duplicate', 'rejected']),
    pairId: z.uuid().nullable(),
    imageId: z.uuid().nullable(),
    status: z.string().nullable().openapi({ description: 'Where the pair can be followed.' }),
    problem: ProblemSchema.nullable().openapi({ description: 'Why it was rejected.' }),
  })
  .openapi('PublishedPair')

export const PublishedManySchema = z.object({ pairs: z.array(PublishedSchema) }).openapi('PublishedPairs')

export const PairStatusSchema = z
  .object({
    pairId: z.uuid(),
    imageId: z.uuid(),
    status: z.enum(['accepted', 'embedded', 'indexed', 'erased']).openapi({
      description:
        '`embedded`: by another model than the one that is served; `indexed`: found by search. While the log is away, the newest that is known.',
    }),
    caption: z.string().nullable(),
    split: SplitSchema,
    source: z.string(),
    metadata: MetadataSchema,
    publishedAt: TimeSchema,
    acceptedAt: TimeSchema,
    embeddedAt: TimeSchema.nullable(),
    indexedAt: TimeSchema.nullable(),
    erasedAt: TimeSchema.nullable(),
  })
  .openapi('PairStatus')

export const ErasureAcceptedSchema = z
  .object({
    pairId: z.uuid(),
    receipt: z.string().openapi({ description: 'Where the receipt of the erasure is.' }),
  })
  .openapi('ErasureAccepted')

export const ReceiptSchema = z
  .object({
    pairId: z.uuid(),
    imageId: z.uuid(),
    state: z.string().openapi({ description: '`requested`, `done` or `restored`.' }),
    at: TimeSchema,
    logCleanBy: TimeSchema.nullable().openapi({ description: 'When the log itself holds no trace any more.' }),
    removedFrom: z.array(z.string()).openapi({
      description:
        'Where it was removed from, once done: `index/…` for each generation, `blobs` where the picture went with its last pair (`blobs-after-grace`: within an hour of its last put), `features`, `training-data`, `catalogue`, `log`.',
    }),
    trainedModels: z.array(z.string()).openapi({ description: 'The models that learned from it; their weights stay.' }),
  })
  .openapi('ErasureReceipt')

export const PairListSchema = z
  .object({
    pairs: z.array(PairStatusSchema),
    next: z.string().nullable().openapi({ description: 'The cursor of the next page; null on the last.' }),
  })
  .openapi('PairList')

/** Where a pair can be followed. */
export const pairAddress = (pairId: string): string => `/v1/pairs/${pairId}`

export function publishedPair({
  outcome,
  pairId,
  imageId,
  code,
  detail,
}: PublishResult): z.input<typeof PublishedSchema> {
  return {
    outcome,
    pairId,
    imageId,
    status: outcome === 'rejected' || pairId === null ? null : pairAddress(pairId),
    problem: outcome === 'rejected' ? problemDetails(code ?? 'internal', detail ?? '') : null,
  }
}

/** `serving` is the generation that is served, and how far its group has committed; null while there is none. */
export function pairStatus(
  pair: CataloguePair,
  serving: { readonly generation: string; readonly committed: Offsets } | null,
  erasure: ErasureRecord | null,
): z.input<typeof PairStatusSchema> {
  const { pairId, imageId, caption, split, source, metadata, erased } = pair
  const byServing = pair.indexed.find(({ generation }) => generation === serving?.generation)
  const newest = byServing ?? pair.indexed.at(-1)
  const { partition, offset } = pair.position
  // The record that announces it comes a moment before the commit; after its retention the commit alone is left.
  const isIndexed = byServing !== undefined || (serving !== null && (serving.committed.get(partition) ?? 0) > offset)
  return {
    pairId,
    imageId,
    status: erased ? 'erased' : isIndexed ? 'indexed' : newest !== undefined ? 'embedded' : 'accepted',
    caption,
    split,
    source,
    metadata,
    publishedAt: isoTime(pair.publishedAt),
    acceptedAt: isoTime(pair.acceptedAt),
    embeddedAt: time(newest?.embeddedAt),
    indexedAt: time(byServing?.indexedAt),
    erasedAt: erased ? time(erasure?.at) : null,
  }
}

export const receipt = ({
  pairId,
  imageId,
  state,
  at,
  logCleanBy,
  removedFrom = [],
  trainedModels = [],
}: ErasureRecord): z.input<typeof ReceiptSchema> => ({
  pairId,
  imageId,
  state,
  at: isoTime(at),
  logCleanBy: time(logCleanBy),
  removedFrom: [...removedFrom],
  trainedModels: [...trainedModels],
})

const time = (milliseconds: number | null | undefined): string | null =>
  milliseconds === null || milliseconds === undefined ? null : isoTime(milliseconds)
