import type { AdamState } from './adamw.ts'
import type { Weights } from './definitions/serving.ts'

/** All arrays that change from step to step: the weights with the optimiser's running means, and their averages. */
export type Learned = {
  readonly states: Readonly<Record<string, AdamState>>
  readonly averages: Weights
}

/** The arrays under the names that they have in a checkpoint. */
export const namedArrays = ({ states, averages }: Learned): Record<string, Float32Array> =>
  Object.fromEntries([
    ...Object.entries(states).flatMap(([name, { values, mean, square }]) => [
      [`values.${name}`, values] as const,
      [`mean.${name}`, mean] as const,
      [`square.${name}`, square] as const,
    ]),
    ...Object.entries(averages).map(([name, values]) => [`average.${name}`, values] as const),
  ])

const BEST = 'best.'

/** The averages of the best epoch under the names that they have in a checkpoint. */
export const namedBest = (best: Weights): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(best).map(([name, values]) => [BEST + name, values]))

/** Those of the best epoch among the arrays of a checkpoint; null where there are none. */
export function bestAmong(arrays: Weights): Weights | null {
  const found = Object.entries(arrays).filter(([name]) => name.startsWith(BEST))
  return found.length === 0
    ? null
    : Object.fromEntries(found.map(([name, values]) => [name.slice(BEST.length), values]))
}

export const copyOf = (weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, values.slice()]))
