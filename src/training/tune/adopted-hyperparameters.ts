import { z } from 'zod'
import { isDeepStrictEqual } from 'node:util'
import { sha256Hex } from '../../core/ids.ts'
import type { BlobStore } from '../../ports/blob-store.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { clipHyperparameters, defaultHyperparameters, type Hyperparameters } from '../hyperparameters.ts'
import { parseSearchedValues, type SearchedValues } from './search-space.ts'

const PREFIX = 'hyperparameters/'
/** Digits of a time in a key: sorted by key, records are sorted by time. */
const TIME_DIGITS = 15

const recordSchema = z.object({
  /** Milliseconds since the epoch. It holds for what is requested from then on. */
  adoptedAt: z.number(),
  adoptedBy: z.string(),
  /** Null goes back to the built-in values. */
  values: z.unknown().transform((given, context) => {
    const values = given === null ? null : parseSearchedValues(given)
    if (given !== null && values === null) context.addIssue('it holds values that are out of bounds')
    return values
  }),
  /** What the values replaced, null the built-in ones. */
  before: z.unknown().transform((given) => parseSearchedValues(given)),
  /** The search that found them, the pairs, the backbone and the sentence encoder that it was made with, and the mean score of its winner over all folds. */
  tuning: z.string().nullable(),
  pairs: z.number(),
  backbone: z.string(),
  sentenceEncoder: z.string().nullable(),
  score: z.number().nullable(),
})

/** What a search came to, or the end of it: what later trainings take their hyperparameters from. */
export type Adopted = z.infer<typeof recordSchema>

/** A training that needs hyperparameters: the pairs that it learns from, the networks that it builds on, and when it was asked for. */
export type Occasion = Pick<Adopted, 'pairs' | 'backbone' | 'sentenceEncoder'> & { readonly at: number }

/** What the configuration says, whatever was found. */
export type FixedValues = {
  readonly textTower?: Hyperparameters['wordTower'] | undefined
  readonly imageHead?: Hyperparameters['imageHead'] | undefined
  readonly imageRegions?: Hyperparameters['imageRegions'] | undefined
  readonly imageViews?: Hyperparameters['imageViews'] | undefined
  readonly maximumEpochs: number | undefined
  readonly exportPrecision?: Hyperparameters['exportPrecision']
  /** The hidden units of adapters over a CLIP. */
  readonly adapterWidth?: number | undefined
  /** The width of the CLIP that trainings build on; none where they build on something else. */
  readonly clipWidth?: number | undefined
}

type Dependencies = { readonly blobs: Pick<BlobStore, 'get' | 'list'>; readonly logger: Pick<Logger, 'warn'> }

const keyOf = (bytes: Uint8Array, { adoptedAt }: Adopted): string =>
  `${PREFIX}${String(adoptedAt).padStart(TIME_DIGITS, '0')}-${sha256Hex(bytes).slice(0, 8)}.json`

/** Makes the values those of later trainings, on whichever machine these are; the records before it stay, as what was asked for before needs them. */
export async function adopt(record: Adopted, blobs: Pick<BlobStore, 'put'>): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(record, null, 2)}\n`)
  await blobs.put(keyOf(bytes, record), bytes)
}

async function read(key: string, { blobs, logger }: Dependencies): Promise<Adopted | null> {
  const bytes = await blobs.get(key)
  if (bytes === null) return null
  try {
    return recordSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
  } catch (error) {
    // Trainings go on with what was there before it.
    logger.warn({ err: error, key }, 'a record of tuned hyperparameters cannot be read and is passed over')
    return null
  }
}

/**
 * Whether values found on some pairs are for others: where the built-in ones differ, those found on many pairs would be worse on few
 * than the built-in ones, and the other way round; another network has other features.
 */
const isFor = (record: Adopted, { pairs, backbone, sentenceEncoder }: Occasion): boolean =>
  record.backbone === backbone &&
  record.sentenceEncoder === sentenceEncoder &&
  isDeepStrictEqual(defaultHyperparameters(record.pairs), defaultHyperparameters(pairs))

/**
 * The newest record that was there at the time and is for such data; null where the built-in values hold. As of the request, so that whoever
 * answers it, and after whatever crash, trains the same.
 */
export async function adoptedFor(occasion: Occasion, deps: Dependencies): Promise<Adopted | null> {
  const keys: string[] = []
  for await (const { key } of deps.blobs.list(PREFIX)) keys.push(key)
  for (const key of keys.sort().reverse()) {
    const record = await read(key, deps)
    if (record === null || record.adoptedAt > occasion.at || !isFor(record, occasion)) continue
    return record.values === null ? null : record
  }
  return null
}

/** The built-in hyperparameters for so many pairs. */
export const builtInHyperparameters = (pairs: number, clipWidth: number | undefined): Hyperparameters =>
  clipWidth === undefined ? defaultHyperparameters(pairs) : clipHyperparameters(pairs, clipWidth)

/** The built-in hyperparameters for so many pairs, with what was found over them, and what is configured over that. */
export const withValues = (
  pairs: number,
  values: SearchedValues | null,
  {
    textTower,
    imageHead,
    imageRegions,
    imageViews,
    maximumEpochs,
    exportPrecision,
    adapterWidth,
    clipWidth,
  }: FixedValues,
): Hyperparameters => ({
  ...builtInHyperparameters(pairs, clipWidth),
  ...values,
  ...(textTower === undefined ? {} : { wordTower: textTower }),
  ...(imageHead === undefined ? {} : { imageHead }),
  ...(imageRegions === undefined ? {} : { imageRegions }),
  ...(imageViews === undefined ? {} : { imageViews }),
  ...(maximumEpochs === undefined ? {} : { maximumEpochs }),
  ...(exportPrecision === undefined ? {} : { exportPrecision }),
  ...(adapterWidth === undefined || clipWidth === undefined ? {} : { adapterWidth }),
})

/** The hyperparameters of a training. */
export const hyperparametersFor = async (
  occasion: Occasion,
  fixed: FixedValues,
  deps: Dependencies,
): Promise<Hyperparameters> => withValues(occasion.pairs, (await adoptedFor(occasion, deps))?.values ?? null, fixed)
