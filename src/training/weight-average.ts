import type { Weights } from './definitions/serving.ts'

/** The weights as they were on average over the last steps: what is judged and exported. */
type WeightAverage = {
  readonly averages: Weights
  /** Takes up the weights after a step, which counts from 1. */
  update(step: number): void
}

/**
 * A running mean of weights ("Acceleration of Stochastic Approximation by Averaging", 1992, with a mean that forgets): the noise of
 * single batches evens out, as if the learning rate had already fallen. `decay` is the share kept at a step; in the first steps
 * less is kept, so that what comes before anything is learned is soon forgotten.
 */
export function createWeightAverage(weights: Weights, decay: number): WeightAverage {
  const averages = Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, values.slice()]))
  return {
    averages,
    update(step) {
      const taken = 1 - Math.min(decay, (1 + step) / (3 + step))
      for (const [name, average] of Object.entries(averages)) {
        const values = weights[name] ?? average
        for (let i = 0; i < average.length; i++) {
          const known = average[i] as number
          average[i] = known + taken * ((values[i] as number) - known)
        }
      }
    },
  }
}
