import sharp from 'sharp'
import type { GateEvidence, SetEvidence } from '../../../src/evaluation/gate-decision.ts'
import type {
  Story,
  StoryDecision,
  StoryHit,
  StoryLine,
  StoryModel,
  StoryQuery,
} from '../../../src/commands/demo/story.ts'

const START = Date.UTC(2026, 2, 3, 9, 30)
const at = (seconds: number): number => START + 1000 * seconds

/** A picture of one colour. */
export const plainPicture = (colour: string, width = 64, height = 64): Promise<Uint8Array> =>
  sharp({ create: { width, height, channels: 3, background: colour } })
    .png()
    .toBuffer()

export const hitOf = (picture: Uint8Array, rest: Partial<StoryHit> = {}): StoryHit => ({
  imageId: '00000000-0000-8000-8000-000000000001',
  score: 0.512,
  captions: ['a small purple star'],
  relevant: null,
  picture,
  ...rest,
})

/** The first five relevant or not, as told by letters: `y` yes, `n` no, `?` unknown. */
export async function hitsOf(relevance: string): Promise<StoryHit[]> {
  const picture = await plainPicture('#7a4fd0', 90, 60)
  return Array.from(relevance, (letter, index) =>
    hitOf(picture, {
      score: 0.61 - 0.03 * index,
      captions: [`a small purple star on a striped background, number ${index + 1}`],
      relevant: letter === '?' ? null : letter === 'y',
    }),
  )
}

function setOf(champion: number, estimate: number, error: number, images: number): SetEvidence {
  const reach = 2.13 * error
  return {
    images,
    queries: 3 * images,
    champion,
    challenger: champion + estimate,
    estimate,
    standardError: error,
    lowerBound: estimate - reach,
    upperBound: estimate + reach,
  }
}

export const evidenceOf = (champion: number, estimate: number, rest: Partial<GateEvidence> = {}): GateEvidence => ({
  label: 'NDCG@10, text to image',
  reason: 'volume',
  cause: 'better',
  look: 1,
  looks: 3,
  alpha: 0.05,
  alphaAtLook: 0.05 / 3,
  margin: 0.005,
  validationTolerance: 0.01,
  together: setOf(champion, estimate, 0.009, 264),
  validation: setOf(champion, estimate - 0.002, 0.011, 220),
  fresh: setOf(champion, estimate + 0.01, 0.019, 44),
  pValues: { pairedTTest: 0.0002, randomisation: 0.0004 },
  guardrails: [
    { name: 'MRR, text to image', hurt: false, detail: '+0.0410, at most +0.0680, over 264 images; tolerance 0.01' },
    { name: 'latency', hurt: false, detail: '1.2 ms against 1.1 ms; limit 6.7 ms' },
  ],
  nextLookAtImages: null,
  ...rest,
})

function historyOf(epochs: number, firstLoss: number, bestRecall: number): StoryModel['history'] {
  return Array.from({ length: epochs }, (_, index) => ({
    epoch: index + 1,
    loss: 0.6 + (firstLoss - 0.6) * Math.exp(-index / 4),
    developmentRecall: bestRecall * (1 - 0.8 * Math.exp(-index / 3)),
  }))
}

export const firstModel: StoryModel = {
  modelVersion: 'm-1a2b3c4d5e',
  label: 'model 1 (m-1a2b3c4d5e)',
  pairs: 1_572,
  history: historyOf(18, 5.1, 0.62),
  recall: { at1: 0.118, at5: 0.341, at10: 0.482, ndcg10: 0.2871, medianRank: 11 },
}

export const retrainedModel: StoryModel = {
  modelVersion: 'm-66f0a91c27',
  label: 'model 2 (m-66f0a91c27)',
  pairs: 2_808,
  history: historyOf(22, 4.4, 0.79),
  recall: { at1: 0.196, at5: 0.502, at10: 0.671, ndcg10: 0.4133, medianRank: 5 },
}

export const rejectedModel: StoryModel = {
  modelVersion: 'm-90ee3b7d11',
  label: 'model 3',
  pairs: 2_808,
  history: historyOf(12, 4.3, 0.78),
  recall: { at1: 0.197, at5: 0.499, at10: 0.668, ndcg10: 0.4127, medianRank: 5 },
}

export const firstRelease: StoryDecision = {
  at: at(31),
  modelVersion: firstModel.modelVersion,
  state: 'promoted',
  sentence: 'Promoted: it is the first model, and there is none to compare it with.',
  evidence: null,
}

export const promotion: StoryDecision = {
  at: at(88),
  modelVersion: retrainedModel.modelVersion,
  state: 'promoted',
  sentence:
    'Promoted: NDCG@10, text to image, goes from 0.2871 to 0.4133 (+0.1262) over 264 images (792 queries), that is at ' +
    'least the margin of 0.005, and with 98.3 % confidence it gains +0.1070 or more.',
  evidence: evidenceOf(0.2871, 0.1262),
}

export const rejection: StoryDecision = {
  at: at(131),
  modelVersion: rejectedModel.modelVersion,
  state: 'rejected',
  sentence:
    'Rejected: NDCG@10, text to image, goes from 0.4133 to 0.4127 (-0.0006) over 264 images (792 queries), which is less ' +
    'than the margin of 0.01.',
  evidence: evidenceOf(0.4133, -0.0006, { reason: 'manual', cause: 'gain-too-small', margin: 0.01 }),
}

function linesOf(): StoryLine[] {
  const indexed = Array.from({ length: 24 }, (_, index) => ({
    at: at(8 + 4.5 * index),
    topic: 'pairs.indexed',
    text: `${(index + 1) * 100} pairs are searchable`,
  }))
  const lines: StoryLine[] = [
    { at: at(0.4), topic: null, text: 'Working in a new data folder.' },
    { at: at(2), topic: 'pairs', text: '1,572 pairs of the first part are published.' },
    { at: at(9), topic: 'retraining.requested', text: 'The first 1,000 pairs are there: a training is requested.' },
    { at: at(30), topic: 'models.trained', text: 'm-1a2b3c4d5e is trained: 18 epochs, the best was 15.' },
    { at: at(31), topic: 'releases', text: firstRelease.sentence },
    { at: at(45), topic: 'pairs', text: '1,236 pairs of the stream are published.' },
    {
      at: at(50),
      topic: 'retraining.requested',
      text: '158 new pairs are 10.1 % of 1,572: a retraining is requested.',
    },
    { at: at(84), topic: 'models.trained', text: 'm-66f0a91c27 is trained.' },
    { at: at(88), topic: 'releases', text: promotion.sentence },
    { at: at(101), topic: 'retraining.requested', text: 'Somebody asked for a retraining by hand.' },
    { at: at(128), topic: 'models.trained', text: 'm-90ee3b7d11 is trained.' },
    { at: at(131), topic: 'releases', text: rejection.sentence },
  ]
  return [...lines, ...indexed].sort((a, b) => a.at - b.at)
}

export const queryOf = async (query: string, before: string, after: string): Promise<StoryQuery> => ({
  query,
  before: await hitsOf(before),
  after: await hitsOf(after),
})

/** A demo as it usually goes: a first model, a better one, and one that is turned down. */
export async function storyFixture(changes: Partial<Story> = {}): Promise<Story> {
  return {
    title: 'Pairstream on 1,200 drawn scenes',
    startedAt: START,
    endedAt: at(140),
    stages: [
      { name: 'publish', startedAt: at(0.5), endedAt: at(8.2) },
      { name: 'training', startedAt: at(9), endedAt: at(30) },
      { name: 'index g1', startedAt: at(30), endedAt: at(36) },
      { name: 'stream', startedAt: at(37), endedAt: at(52) },
      { name: 'training', startedAt: at(50), endedAt: at(84) },
      { name: 'index g2', startedAt: at(84), endedAt: at(97) },
      { name: 'training', startedAt: at(101), endedAt: at(131) },
      { name: 'search again', startedAt: at(132), endedAt: at(132.3) },
    ],
    lines: linesOf(),
    models: [firstModel, retrainedModel, rejectedModel],
    decisions: [firstRelease, promotion, rejection],
    queries: [
      await queryOf('a small purple star', 'nnynn', 'yyyny'),
      await queryOf('a red circle behind a blue square', 'nnn', 'ynyyn'),
      await queryOf('a dog on the beach', '', '?????'),
    ],
    ...changes,
  }
}
