import { createRandom } from '../../src/core/random.ts'
import type { InteractionShape } from '../../src/reranking/definitions/interaction-shape.ts'
import { interactionShapes } from '../../src/reranking/definitions/interaction-shape.ts'
import type { LabelledPair } from '../../src/reranking/labelled-pair.ts'
import { splitByTime } from '../../src/reranking/labelled-pairs.ts'
import type { RerankerJob } from '../../src/reranking/train-reranker.ts'
import { product } from '../../src/training/lowering/view.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { TINY_SENTENCE_WIDTH, writeTinySentenceEncoder } from '../models/pretrained/tiny-sentence-encoder.ts'

const ANIMALS = ['dog', 'cat', 'horse', 'fox', 'owl', 'hen']
const DEEDS = ['runs', 'sleeps', 'eats', 'jumps', 'swims']
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
 * Judgements of which animal does what; the other words mean nothing. Wrong documents share them with the query, right ones do not, so
 * that the mean of the words is a bad judge.
 */
export function tinyPairs(queries: number): LabelledPair[] {
  const random = createRandom(3)
  const any = (words: readonly string[]): string => words[random.below(words.length)] ?? ''
  const sentence = (animal: string, fillers: readonly string[], deed: string) => [fillers[0], animal, fillers[1], deed, fillers[2]].join(' ') // prettier-ignore
  return Array.from({ length: queries }, (_, createdAt) => {
    const [animal, deed] = [any(ANIMALS), any(DEEDS)]
    const fillers = () => [any(FILLERS), any(FILLERS), any(FILLERS)]
    const own = fillers()
    const query = sentence(animal, own, deed)
    const pair = (relevance: 0 | 1, document: string): LabelledPair => ({ query, document, relevance, source: 'tests', createdAt }) // prettier-ignore
    const others = Array.from({ length: 7 }, () => {
      const [otherAnimal, otherDeed] = [any(ANIMALS), any(DEEDS)]
      return otherAnimal === animal && otherDeed === deed ? [] : [pair(0, sentence(otherAnimal, own, otherDeed))]
    })
    return [...[1, 2, 3].map(() => pair(1, sentence(animal, fillers(), deed))), ...others.flat()]
  }).flat()
}

/** A job of some seconds. */
export async function tinyJob(queries = 150): Promise<RerankerJob> {
  return {
    jobFolder: await temporaryFolder(),
    outputFolder: await temporaryFolder(),
    modelVersion: 'tiny-reranker',
    encoderFolder: await writeTinySentenceEncoder(tinyWords),
    pairs: splitByTime(tinyPairs(queries)),
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
