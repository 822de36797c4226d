import { bootstrapDifference, type ResamplingOptions } from './bootstrap.ts'
import type { PairedScores } from './paired-scores.ts'

/** Something that a promotion may not hurt. */
export type Guardrail = {
  readonly name: string
  readonly hurt: boolean
  /** The figures behind it, in one clause. */
  readonly detail: string
}

type QualityTolerance = ResamplingOptions & {
  /** The largest fall that is let pass. Default 0.01. */
  readonly tolerance?: number
  /** The share of harmless changes that look like a harm by chance. Default 0.05. */
  readonly alpha?: number
  /** Below so many images nothing is concluded. Default 20. */
  readonly minimumImages?: number
}

const signed = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(4)}`

/**
 * A guardrail on another measure (MRR, MAP) or on a slice of the data: hurt when the mean falls by more than the tolerance and
 * the fall is no chance, its one-sided upper bound being below zero. Small slices swing widely, so the size alone proves nothing.
 */
export function qualityGuardrail(scores: PairedScores, options: QualityTolerance = {}): Guardrail {
  const { tolerance = 0.01, alpha = 0.05, minimumImages = 20, ...resampling } = options
  const images = scores.images.length
  if (images < minimumImages) {
    return { name: scores.label, hurt: false, detail: `${images} images are too few to conclude anything` }
  }
  const difference = bootstrapDifference(scores, resampling)
  const upperBound = difference.upperBound(alpha)
  return {
    name: scores.label,
    hurt: difference.estimate < -tolerance && upperBound < 0,
    detail: `${signed(difference.estimate)}, at most ${signed(upperBound)}, over ${images} images; tolerance ${tolerance}`,
  }
}

type LatencyTolerance = {
  /** How many times as slow is let pass. Default 1.5. */
  readonly factor?: number
  /** Milliseconds let pass on top, because the clock itself is uneven on a fast model. Default 5. */
  readonly allowance?: number
}

/** A guardrail on the time of one query, in milliseconds (median or a percentile, the same for both). */
export function latencyGuardrail(
  milliseconds: { readonly champion: number; readonly challenger: number },
  { factor = 1.5, allowance = 5 }: LatencyTolerance = {},
): Guardrail {
  const { champion, challenger } = milliseconds
  const limit = champion * factor + allowance
  return {
    name: 'latency',
    // Not a number must not pass for fast.
    hurt: !(challenger <= limit),
    detail: `${challenger.toFixed(1)} ms against ${champion.toFixed(1)} ms; limit ${limit.toFixed(1)} ms`,
  }
}
