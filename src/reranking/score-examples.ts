import { openOnnxSession } from '../models/onnx-session.ts'
import { meanMeasures, measureQuery, type Measures } from '../evaluation/measures.ts'
import type { Weights } from '../training/definitions/serving.ts'
import { interactionFile } from './definitions/interaction-programs.ts'
import type { InteractionShape } from './definitions/interaction-shape.ts'
import { createPairBatch, type PairExamples } from './pair-batch.ts'
import type { TokenStatesFile } from './token-states-file.ts'

const PAIRS_AT_ONCE = 64

/** The logit of each example under these weights, in order. */
export async function scoreExamples(
  shape: InteractionShape,
  weights: Weights,
  states: TokenStatesFile,
  examples: PairExamples,
  threads: number,
): Promise<Float32Array> {
  const session = await openOnnxSession(interactionFile(shape, weights), { threads })
  const { fill, inputs } = createPairBatch(shape, states, examples, PAIRS_AT_ONCE)
  const scores = new Float32Array(examples.targets.length)
  try {
    for (let from = 0; from < scores.length; from += PAIRS_AT_ONCE) {
      const count = Math.min(PAIRS_AT_ONCE, scores.length - from)
      fill(Uint32Array.from({ length: count }, (_, i) => from + i))
      const { logits } = await session.run(inputs, ['logits'])
      scores.set(logits.data.subarray(0, count), from)
    }
  } finally {
    await session.close()
  }
  return scores
}

/** The measures of each query's list of examples, ordered by these scores, on average over the queries that have a relevant one. */
export function measureExamples({ queries, targets }: PairExamples, scores: Float32Array): Measures {
  const lists = new Map<number, number[]>()
  queries.forEach((query, example) => {
    const list = lists.get(query)
    if (list === undefined) lists.set(query, [example])
    else list.push(example)
  })
  const measured = [...lists.values()].flatMap((list) => {
    list.sort((a, b) => (scores[b] as number) - (scores[a] as number))
    const found = list.flatMap((example, place) => (targets[example] === 1 ? [{ rank: place + 1, gain: 1 }] : []))
    return found.length === 0 ? [] : [measureQuery(found, Array<number>(found.length).fill(1))]
  })
  return meanMeasures(measured)
}
