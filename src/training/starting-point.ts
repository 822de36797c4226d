import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { RetrainingRequested } from '../core/events.ts'
import { viewReleases } from '../core/release-chain.ts'
import type { ModelStore } from '../models/model-store.ts'
import type { Hyperparameters } from './hyperparameters.ts'

/** `scratch` draws the first weights from the seed; `champion` takes them from the model that served when the request was made. */
export type TrainingStart = 'scratch' | 'champion'

/** The model that a training starts from, and its folder on this machine. */
export type StartingPoint = { readonly parent: string; readonly folder: string }

/** What a manifest says of how its model was trained: with the snapshot and the parent all that the training depends on. */
export type TrainingRecord = {
  readonly seed: number
  /** The `id` of the backbone. */
  readonly backbone: string
  /** The `id` of the sentence encoder; null where the model builds on none. */
  readonly sentenceEncoder: string | null
  /** The `id` of the CLIP whose halves these two are; null where they are networks of their own. */
  readonly clip?: string | null
  readonly hyperparameters: Hyperparameters
}

/** What decides on the sizes of a model's arrays; manifests from before there was a choice of towers name none. */
const shapeOf = z.object({
  embeddingWidth: z.number(),
  /** Not in manifests from before heads had names, when a hidden layer of no width meant none. */
  imageHead: z.string().optional(),
  imageHidden: z.number().default(0),
  imageRegions: z.number().optional(),
  wordTower: z.string().default('bag'),
  wordWidth: z.number(),
  /** Of a bag of words. */
  bigramBuckets: z.number().default(0),
  hiddenWidth: z.number().optional(),
  layers: z.number().optional(),
  heads: z.number().optional(),
  maxLength: z.number().optional(),
  /** Of adapters; models on a CLIP alone have them. */
  adapterWidth: z.number().optional(),
})

const trainingOf = z.object({
  training: z.object({
    backbone: z.string(),
    sentenceEncoder: z.string().nullable().default(null),
    clip: z.string().nullable().default(null),
    hyperparameters: shapeOf,
  }),
})

/**
 * The champion as of the request, so that whoever answers it, and after whatever crash, starts from the same weights; null before there
 * is one, and where its weights do not fit because the backbone, the sentence encoder, the word tower or a width has changed. Throws
 * `model-not-found` or `model-corrupt`.
 */
export async function championOf(
  request: RetrainingRequested,
  planned: TrainingRecord,
  { catalogue, models }: { readonly catalogue: Catalogue; readonly models: ModelStore },
): Promise<StartingPoint | null> {
  const known = catalogue.releases().filter(({ decidedAt }) => decidedAt <= request.requestedAt)
  const champion = viewReleases(known).serving
  const manifest = champion === null ? null : (catalogue.model(champion.modelVersion)?.manifest ?? null)
  if (champion === null || manifest === null) return null
  const { success, data } = trainingOf.safeParse(await models.manifest(manifest))
  if (!success || !fits(data.training, planned)) return null
  return { parent: champion.modelVersion, folder: await models.open(manifest) }
}

const fits = (before: z.infer<typeof trainingOf>['training'], planned: TrainingRecord): boolean =>
  before.backbone === planned.backbone &&
  before.sentenceEncoder === planned.sentenceEncoder &&
  isDeepStrictEqual(sizesOf(before), sizesOf(trainingOf.parse({ training: planned }).training))

/** Without what the towers have no use for. */
function sizesOf({ clip, hyperparameters }: z.infer<typeof trainingOf>['training']): object {
  const { embeddingWidth, imageHidden, imageRegions, wordTower, wordWidth } = hyperparameters
  const { bigramBuckets, hiddenWidth, layers, heads, maxLength, adapterWidth } = hyperparameters
  if (clip !== null) return { clip, adapterWidth }
  const { imageHead = imageHidden > 0 ? 'mlp' : 'linear' } = hyperparameters
  const ofHead =
    imageHead === 'mlp' ? { imageHidden } : imageHead === 'attention' ? { imageRegions, headsOfImage: heads } : {}
  const alone = { embeddingWidth, imageHead, ...ofHead, wordTower }
  if (wordTower === 'none') return alone
  const common = { ...alone, wordWidth }
  if (wordTower === 'transformer') return { ...common, layers, heads, maxLength }
  return wordTower === 'bag' ? { ...common, bigramBuckets } : { ...common, hiddenWidth }
}
