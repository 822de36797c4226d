import * as ort from 'onnxruntime-node'
import { adamState, adamW, clippingFactor, squaredLength, type AdamState } from './adamw.ts'
import type { BatchTensors } from './batch-tensors.ts'
import { MAXIMUM_LOGIT_SCALE } from './definitions/dual-encoder.ts'
import type { Weights } from './definitions/serving.ts'
import { frozenShapes, parameterShapes, widthOfWords, type DualEncoderShape } from './definitions/shape.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import { startJax } from './lowering/trace.ts'
import { createStepRunner } from './step-runner.ts'
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

export async function createTrainingSession(
  shape: DualEncoderShape,
  weights: Weights,
  hyperparameters: Hyperparameters,
  threads: number,
): Promise<TrainingSession> {
  await startJax()
  const { maximumGradientNorm, weightDecay } = hyperparameters
  const of = (name: string) => weights[name] ?? new Float32Array(0)
  const shapes = Object.entries(parameterShapes(shape))
  const states = Object.fromEntries(shapes.map(([name]) => [name, adamState(of(name))]))
  const parameters = Object.fromEntries(
    [...shapes, ...Object.entries(frozenShapes(shape))].map(([name, sizes]) => [
      name,
      new ort.Tensor('float32', of(name), sizes),
    ]),
  )
  const width = widthOfWords(shape)
  const reading = shape.words === null ? null : readingOf(shape.words, of('words').length / width)
  const table = reading === null ? null : createWordTable(of('words'), width, reading)
  const runner = await createStepRunner(shape, parameters, table, hyperparameters, threads)

  return {
    states: { ...states, ...(table === null ? {} : { words: table.state }) },
    async learn(batch, step, learningRate) {
      const loss = await runner.run(batch)
      let squaredNorm = table?.squaredNorm() ?? 0
      for (const gradient of runner.gradients.values()) squaredNorm += squaredLength(gradient)
      const gradientScale = clippingFactor(squaredNorm, maximumGradientNorm)
      const common = { step, learningRate, gradientScale }
      for (const [name, state] of Object.entries(states)) {
        // Decay is for what multiplies: not for biases nor the temperature.
        const decay = name.endsWith('_weight') ? weightDecay : 0
        adamW(state, runner.gradients.get(name) ?? new Float32Array(0), { ...common, weightDecay: decay })
      }
      // Beyond its bound the temperature would have no gradient, and could not come back.
      const scale = states['logit_scale']?.values
      if (scale !== undefined) scale[0] = Math.min(scale[0] ?? 0, MAXIMUM_LOGIT_SCALE)
      table?.update({ ...common, weightDecay })
      return loss
    },
    close: () => runner.close(),
  }
}
