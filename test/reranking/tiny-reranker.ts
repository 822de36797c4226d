import { createRandom } from '../../src/core/random.ts'
import type { InteractionShape } from '../../src/reranking/definitions/interaction-shape.ts'
import { interactionShapes } from '../../src/reranking/definitions/interaction-shape.ts'
import type { Judgement } from '../../src/core/events.ts'
import { cleanJudgements, splitByTime } from '../../src/reranking/judgements.ts'
import type { RerankerJob } from '../../src/reranking/reranker-job.ts'
import { product } from '../../src/training/lowering/view.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { TINY_SENTENCE_WIDTH, writeTinySentenceEncoder } from '../models/pretrained/tiny-sentence-encoder.ts'

const named = (words: readonly string[], name: string) => [...words, ...Array.from({ length: 20 - words.length }, (_, i) => `${name}${i}`)] // prettier-ignore
const ANIMALS = named(['dog', 'cat', 'horse', 'fox', 'owl', 'hen'], 'animal')
const DEEDS = named(['runs', 'sleeps', 'eats', 'jumps', 'swims'], 'does')
const FILLERS = ['here', 'there', 'now', 'then', 'often', 'today', 'again', 'still', 'slowly', 'surely']
export const tinyWords = [...ANIMALS, ...DEEDS, ...FILLERS, 'a', 'the', 'red', 'in', 'cafe']

export const tinyShape: InteractionShape = {
  stateWidth: TINY_SENTENCE_WIDTH,
  maxTokens: 8,
  projectionWidth: 12,
  hiddenWidth: 6,
}

/** Weights with which every part of the network has its say. */
export function drawnWeights(shape: InteractionShape): Record<string, Float32Array> {
  const random = createRandom(7)
  const drawn = (length: number) => Float32Array.from({ length }, () => random.float() - 0.5)
  return Object.fromEntries(Object.entries(interactionShapes(shape)).map(([name, sizes]) => [name, drawn(product(sizes))])) // prettier-ignore
}

/**
 * Judgements of which animal does what, each query about another deed of another animal; the other words mean nothing. Wrong documents
 * share them with the query, right ones do not, so that the mean of the words is a bad judge.
 */
export function tinyJudgements(queries: number): Judgement[] {
  const random = createRandom(3)
  const any = (words: readonly string[]): string => words[random.below(words.length)] ?? ''
  const fillers = () => [any(FILLERS), any(FILLERS), any(FILLERS)]
  const sentence = (about: number, words: readonly string[]) =>
    [words[0], ANIMALS[about % 20], words[1], DEEDS[Math.floor(about / 20) % 20], words[2]].join(' ')
  return Array.from({ length: queries }, (_, createdAt) => {
    const about = (createdAt * 7) % 400 // each of the 400 once
    const own = fillers()
    const query = sentence(about, own)
    const judgement = (relevance: 0 | 1, document: string): Judgement => ({ query, document, relevance, source: 'tests', createdAt }) // prettier-ignore
    const wrong = Array.from({ length: 5 }, () => sentence((about + 1 + random.below(399)) % 400, own))
    return [
      ...[1, 2, 3].map(() => judgement(1, sentence(about, fillers()))),
      ...wrong.map((text) => judgement(0, text)),
    ]
  }).flat()
}

/** A job of some seconds. */
export async function tinyJob(queries = 150): Promise<RerankerJob> {
  const { earlier: learned, later: judged } = splitByTime(cleanJudgements(tinyJudgements(queries)).judgements, 0.3)
  return {
    jobFolder: await temporaryFolder(),
    outputFolder: await temporaryFolder(),
    modelVersion: 'tiny-reranker',
    encoderFolder: await writeTinySentenceEncoder(tinyWords),
    championFolder: null,
    learned,
    judged,
    maxTokens: tinyShape.maxTokens,
    hyperparameters: {
      projectionWidth: tinyShape.projectionWidth,
      hiddenWidth: tinyShape.hiddenWidth,
      batchSize: 32,
      maximumEpochs: 4,
      patience: 4,
      learningRate: 0.02,
      warmUp: 0.1,
      weightDecay: 0.01,
      tokenDropout: 0,
      maximumGradientNorm: 1,
      averageDecay: 0.9,
    },
    seed: 1,
    threads: 1,
  }
}
