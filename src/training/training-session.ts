import * as ort from 'onnxruntime-node'
import { adamState, adamW, clippingFactor, squaredLength, type AdamState } from './adamw.ts'
import type { BatchTensors } from './batch-tensors.ts'
import {
  batchShapes,
  frozenShapes,
  parameterShapes,
  trainedInput,
  widthOfWords,
  type DualEncoderShape,
} from './definitions/shape.ts'
import { gradientOf, stepSignature, trainingStep } from './definitions/training-step.ts'
import type { Weights } from './definitions/serving.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import { lowerProgram, startJax } from './lowering/trace.ts'
import { product } from './lowering/view.ts'
import { readingOf } from './word-readings.ts'
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
  const file = lowerProgram('training_step', trainingStep(shape), stepSignature(shape, batchSize))
  const session = await ort.InferenceSession.create(file, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  })
  const of = (name: string) => weights[name] ?? new Float32Array(0)
  const shapes = Object.entries(parameterShapes(shape))
  const states = Object.fromEntries(shapes.map(([name]) => [name, adamState(of(name))]))
  const gradients = new Map(shapes.map(([name, sizes]) => [name, new Float32Array(product(sizes))]))
  const loss = new Float32Array(1)

  // ONNX Runtime reads and writes these very arrays: nothing is copied from step to step.
  const parameters: Record<string, ort.Tensor> = {}
  const fetches: Record<string, ort.Tensor> = { loss: tensor(loss, []) }
  for (const [name, sizes] of Object.entries(frozenShapes(shape))) parameters[name] = tensor(of(name), sizes)
  for (const [name, sizes] of shapes) {
    parameters[name] = tensor(of(name), sizes)
    fetches[gradientOf(name)] = tensor(gradients.get(name) ?? new Float32Array(0), sizes)
  }

  const input = trainedInput(shape)
  const table = shape.words === null ? null : createWordTable(of('words'), widthOfWords(shape), readingOf(shape.words))
  const inputSizes = input === null ? [0] : (batchShapes(shape, batchSize)[input] ?? [0])
  const inputGradient = new Float32Array(product(inputSizes))
  if (input !== null) fetches[gradientOf(input)] = tensor(inputGradient, inputSizes)

  return {
    states: { ...states, ...(table === null ? {} : { words: table.state }) },
    async learn(batch, step, learningRate) {
      if (input !== null) table?.embed(batch.captions, batch.array(input))
      await session.run({ ...parameters, ...batch.tensors }, fetches)
      let squaredNorm = table?.accumulate(batch.captions, inputGradient) ?? 0
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
      table?.update({ step, learningRate, weightDecay, gradientScale })
      return loss[0] ?? Number.NaN
    },
    close: () => session.release(),
  }
}
