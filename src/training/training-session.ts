import * as ort from 'onnxruntime-node'
import {
  gradientOf,
  parameterShapes,
  stepSignature,
  trainingStep,
  type DualEncoderShape,
} from '../models/definitions/training-step.ts'
import { lowerProgram, startJax } from '../models/onnx/trace.ts'
import { product } from '../models/onnx/view.ts'
import { adamState, adamW, clippingFactor, squaredLength, type AdamState } from './adamw.ts'
import type { BatchTensors } from './batch-tensors.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import type { Weights } from '../models/definitions/serving.ts'
import { createWordTable } from './word-table.ts'

/** One dual encoder being trained: its arrays, their running means, and the graph that computes loss and gradients. */
type TrainingSession = {
  /** The live arrays with their running means, by name; `words` is the table of words. */
  readonly states: Readonly<Record<string, AdamState>>
  /** Learns from the batch that `batch` holds; resolves to its loss before the update. `step` counts from 1. */
  learn(batch: BatchTensors, step: number, learningRate: number): Promise<number>
  close(): Promise<void>
}

const tensor = (data: Float32Array, shape: readonly number[]) => new ort.Tensor('float32', data, shape)

export async function createTrainingSession(
  shape: DualEncoderShape,
  weights: Weights,
  hyperparameters: Hyperparameters,
  threads: number,
): Promise<TrainingSession> {
  await startJax()
  const { batchSize, maximumGradientNorm, weightDecay } = hyperparameters
  const file = lowerProgram('training_step', trainingStep, stepSignature(shape, batchSize))
  const session = await ort.InferenceSession.create(file, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  })
  const of = (name: string) => weights[name] ?? new Float32Array(0)
  const table = createWordTable(of('words'), shape.wordWidth)
  const shapes = Object.entries(parameterShapes(shape))
  const states = Object.fromEntries(shapes.map(([name]) => [name, adamState(of(name))]))
  const gradients = new Map(shapes.map(([name, sizes]) => [name, new Float32Array(product(sizes))]))
  const bagGradient = new Float32Array(batchSize * shape.wordWidth)
  const loss = new Float32Array(1)

  // ONNX Runtime reads and writes these very arrays: nothing is copied from step to step.
  const parameters: Record<string, ort.Tensor> = {
    feature_mean: tensor(of('feature_mean'), [shape.featureWidth]),
    feature_scale: tensor(of('feature_scale'), [shape.featureWidth]),
  }
  const fetches: Record<string, ort.Tensor> = {
    loss: tensor(loss, []),
    [gradientOf('bags')]: tensor(bagGradient, [batchSize, shape.wordWidth]),
  }
  for (const [name, sizes] of shapes) {
    parameters[name] = tensor(of(name), sizes)
    fetches[gradientOf(name)] = tensor(gradients.get(name) ?? new Float32Array(0), sizes)
  }

  return {
    states: { ...states, words: table.state },
    async learn(batch, step, learningRate) {
      table.average(batch.captions, batch.bags)
      await session.run({ ...parameters, ...batch.tensors }, fetches)
      let squaredNorm = table.accumulate(batch.captions, bagGradient)
      for (const gradient of gradients.values()) squaredNorm += squaredLength(gradient)
      const gradientScale = clippingFactor(squaredNorm, maximumGradientNorm)
      for (const [name, state] of Object.entries(states)) {
        // Decay is for what multiplies: not for biases nor the temperature.
        const decay = name.endsWith('_weight') ? weightDecay : 0
        adamW(state, gradients.get(name) ?? new Float32Array(0), {
          step,
          learningRate,
          weightDecay: decay,
          gradientScale,
        })
      }
      table.update({ step, learningRate, weightDecay, gradientScale })
      return loss[0] ?? Number.NaN
    },
    close: () => session.release(),
  }
}
