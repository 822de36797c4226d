import * as ort from 'onnxruntime-node'
import { adamState, adamW, clippingFactor, squaredLength, type AdamState } from '../training/adamw.ts'
import type { Weights } from '../training/definitions/serving.ts'
import { gradientOf } from '../training/definitions/training-step.ts'
import { startJax } from '../training/lowering/trace.ts'
import { product } from '../training/lowering/view.ts'
import { normal, randomStream } from '../training/random.ts'
import { openStep } from '../training/step-runner.ts'
import { interactionStep, interactionStepSignature } from './definitions/interaction-programs.ts'
import { interactionShapes, type InteractionShape } from './definitions/interaction-shape.ts'
import type { PairBatch } from './pair-batch.ts'

/** One model being trained: its arrays with their running means, and the graph that computes loss and gradients. */
export type InteractionSession = {
  readonly states: Readonly<Record<string, AdamState>>
  /** Learns from what the batch holds; resolves to its loss before the update. `step` counts from 1. */
  learn(step: number, learningRate: number): Promise<number>
  close(): Promise<void>
}

/** What is added to what the encoder gives. Decay leads back to the encoder, and a strong one is what keeps a training from learning by heart. */
const CORRECTIONS = new Set(['token_up_weight', 'sentence_weight', 'salience_weight'])

type SessionChoices = {
  readonly weightDecay: number
  readonly maximumGradientNorm: number
}

/** Normal values whose deviation is one over the root of the width that is summed over; the logit begins as the cosine of the sentences. */
export function initialInteraction(shape: InteractionShape, seed: number): Record<string, Float32Array> {
  const random = randomStream(seed)
  const weights = Object.fromEntries(
    Object.entries(interactionShapes(shape)).map(([name, sizes]) => [name, new Float32Array(product(sizes))]),
  )
  for (const name of ['token_down_weight', 'hidden_weight']) {
    const values = weights[name] ?? new Float32Array(0)
    const deviation = 1 / Math.sqrt(interactionShapes(shape)[name]?.[0] ?? 1)
    for (let i = 0; i < values.length; i++) values[i] = normal(random) * deviation
  }
  const direct = weights['direct_weight']
  direct?.set([1], direct.length - 1)
  weights['output_bias']?.set([-6])
  return weights
}

/** `weights` are trained in place, from `batch`, which is filled before each step. */
export async function createInteractionSession(
  shape: InteractionShape,
  weights: Weights,
  batch: PairBatch,
  { weightDecay, maximumGradientNorm }: SessionChoices,
  threads: number,
): Promise<InteractionSession> {
  await startJax()
  const shapes = Object.entries(interactionShapes(shape))
  const of = (name: string): Float32Array => weights[name] ?? new Float32Array(0)
  const states = Object.fromEntries(shapes.map(([name]) => [name, adamState(of(name))]))
  const gradients = new Map(shapes.map(([name, sizes]) => [name, new Float32Array(product(sizes))]))
  const gradient = (name: string): Float32Array => gradients.get(name) ?? new Float32Array(0)
  const loss = new Float32Array(1)
  const [batchSize = 0] = batch.targets.shape
  const tensor = (data: Float32Array, sizes: readonly number[]) => new ort.Tensor('float32', data, sizes)
  const feeds = {
    ...Object.fromEntries(shapes.map(([name, sizes]) => [name, tensor(of(name), sizes)])),
    ...Object.fromEntries(Object.entries(batch.inputs).map(([name, { data, shape: sizes }]) => [name, tensor(data, sizes)])), // prettier-ignore
    targets: tensor(batch.targets.data, batch.targets.shape),
  }
  const fetches = {
    loss: tensor(loss, []),
    ...Object.fromEntries(shapes.map(([name, sizes]) => [gradientOf(name), tensor(gradient(name), sizes)])),
  }
  const signature = interactionStepSignature(shape, batchSize)
  const session = await openStep('interaction_step', interactionStep(shape), signature, threads)
  return {
    states,
    async learn(step, learningRate) {
      await session.run(feeds, fetches)
      const squaredNorm = [...gradients.values()].reduce((sum, values) => sum + squaredLength(values), 0)
      const gradientScale = clippingFactor(squaredNorm, maximumGradientNorm)
      for (const [name, state] of Object.entries(states)) {
        const decay = CORRECTIONS.has(name) ? weightDecay : 0
        adamW(state, gradient(name), { step, learningRate, gradientScale, weightDecay: decay })
      }
      return loss[0] ?? Number.NaN
    },
    close: () => session.release(),
  }
}
