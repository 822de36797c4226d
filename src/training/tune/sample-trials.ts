import type { Random } from '../../core/random.ts'
import type { Hyperparameters } from '../hyperparameters.ts'
import { randomStream } from '../random.ts'
import {
  isWhole,
  searchable,
  searchedValuesOf,
  type Dimension,
  type Searchable,
  type SearchedValues,
  type SearchSpace,
} from './search-space.ts'

/** A setting of the hyperparameters that is tried; trials count from 1, and the first is what trains without a search. */
export type Trial = { readonly number: number; readonly values: SearchedValues }

/** Numbers that people can read, and that are the same wherever they are worked out. */
const SIGNIFICANT_DIGITS = 3
/** Draws a trial, after which a space counts as exhausted. */
const DRAWS = 100

/** Random search finds more than a grid of as many trials ("Random Search for Hyper-Parameter Optimization", 2012). */
function draw(name: Searchable, dimension: Dimension, random: Random): number | string {
  if ('choices' in dimension) return dimension.choices[random.below(dimension.choices.length)] ?? ''
  const { from, to, scale } = dimension
  const share = random.float()
  const drawn = scale === 'linear' ? from + share * (to - from) : from * (to / from) ** share
  const rounded = isWhole(name) ? Math.round(drawn) : Number(drawn.toPrecision(SIGNIFICANT_DIGITS))
  return Math.min(to, Math.max(from, rounded))
}

/** The heads of a transformer share the width of a word evenly, those of an image head the width of an embedding. */
const isPossible = ({ wordTower, wordWidth, imageHead, embeddingWidth, heads }: Hyperparameters): boolean =>
  (wordTower !== 'transformer' || wordWidth % heads === 0) &&
  (imageHead !== 'attention' || embeddingWidth % heads === 0)

/** Only what the image head and the word tower have is looked at, or two trials could train the same model twice. */
function tellingValues(values: SearchedValues): string {
  const { imageHidden, heads, wordWidth, wordDropout, bigramBuckets, hiddenWidth, layers, ...common } = values
  const { imageHead, wordTower = 'bag' } = values
  const ofHead = imageHead === 'mlp' ? { imageHidden } : imageHead === 'attention' ? { headsOfImage: heads } : {}
  const ofTower = {
    bag: { bigramBuckets },
    gru: { hiddenWidth },
    lstm: { hiddenWidth },
    transformer: { layers, heads },
    none: {},
  }[wordTower]
  const ofWords = wordTower === 'none' ? {} : { wordWidth, wordDropout, ...ofTower }
  return JSON.stringify({ ...common, ...ofHead, ...ofWords })
}

/**
 * `count` trials, all different: `base`, then what is drawn from the space; fewer where there are no more. A trial is a function of the
 * space, the base, the seed and its number, not of the count, so that a longer search begins with the trials of a shorter one.
 */
export function sampleTrials(space: SearchSpace, base: Hyperparameters, count: number, seed: number): readonly Trial[] {
  const first = searchedValuesOf(base)
  const trials: Trial[] = [{ number: 1, values: first }]
  const known = new Set([tellingValues(first)])
  const random = randomStream(seed)
  let misses = 0
  while (trials.length < count && misses < DRAWS) {
    const values: SearchedValues = {
      ...first,
      ...Object.fromEntries(
        searchable.flatMap((name) => {
          const dimension = space[name]
          return dimension === undefined ? [] : [[name, draw(name, dimension, random)]]
        }),
      ),
    }
    const telling = tellingValues(values)
    const isNew = !known.has(telling) && isPossible({ ...base, ...values })
    misses = isNew ? 0 : misses + 1
    if (!isNew) continue
    known.add(telling)
    trials.push({ number: trials.length + 1, values })
  }
  return trials
}

/** The values of a trial that are not those of another. */
export const differences = (values: SearchedValues, from: SearchedValues): SearchedValues =>
  Object.fromEntries(searchable.filter((name) => values[name] !== from[name]).map((name) => [name, values[name]]))
