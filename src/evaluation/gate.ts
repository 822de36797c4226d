import { AppError } from '../core/errors.ts'
import { bootstrapDifference, type Bootstrap, type ResamplingOptions } from './bootstrap.ts'
import type { GateCause, GateDecision, GateEvidence, GateOutcome, SetEvidence } from './gate-decision.ts'
import { explainDecision } from './gate-sentence.ts'
import type { Guardrail } from './guardrails.ts'
import { pairedTTest } from './paired-t-test.ts'
import { meansOf, pool, type PairedScores } from './paired-scores.ts'
import { randomisationTest } from './randomisation-test.ts'

export type GateThresholds = ResamplingOptions & {
  /** The smallest gain worth a release. Default 0.005 after a volume request, 0.01 otherwise. */
  readonly margin?: number
  /** The rate of false promotions over all looks together. Default 0.05. */
  readonly alpha?: number
  /** How often one challenger may be looked at, each time at `alpha / looks`. Default 3. */
  readonly looks?: number
  /** How much worse the challenger may be on the validation set alone, at the bound. Default 0.01. */
  readonly validationTolerance?: number
  /** Below so many images in all nothing is promoted: a bootstrap of a handful knows only those. Default 20. */
  readonly minimumImages?: number
}

export type GateInput = {
  readonly validation: PairedScores
  /** Images that came after the champion was trained; null or empty where there are none. */
  readonly fresh: PairedScores | null
  readonly guardrails: readonly Guardrail[]
  /** Why the challenger was trained: a `RetrainingReason`. */
  readonly reason: string
  /** The how-manieth look at this challenger it is, from 1. */
  readonly look?: number
  readonly thresholds?: GateThresholds
}

function compareOn(scores: PairedScores, enough: number, alpha: number, resampling: ResamplingOptions): SetEvidence {
  const { champion, challenger, queries } = meansOf(scores)
  const images = scores.images.length
  const difference: Bootstrap | null = images < Math.max(1, enough) ? null : bootstrapDifference(scores, resampling)
  return {
    images,
    queries,
    champion,
    challenger,
    estimate: difference?.estimate ?? challenger - champion,
    standardError: difference?.standardError ?? null,
    lowerBound: difference?.lowerBound(alpha) ?? null,
    upperBound: difference?.upperBound(alpha) ?? null,
  }
}

type Facts = Omit<GateEvidence, 'cause' | 'nextLookAtImages'>

/**
 * The rules, in the order in which they speak. A clear result promotes or rejects however large the standard error is. A guardrail
 * speaks only where the challenger would be promoted otherwise: of one that is worse anyway it would say the same in other measures.
 */
function judge({ together, validation, guardrails, margin, validationTolerance }: Facts): GateCause {
  const { estimate, standardError, lowerBound, upperBound } = together
  if (standardError === null || lowerBound === null || upperBound === null) return 'too-few-images'
  if (validation.lowerBound === null || validation.upperBound === null) return 'too-few-images'
  if (estimate >= margin && lowerBound > 0 && validation.lowerBound > -validationTolerance) {
    return guardrails.some(({ hurt }) => hurt) ? 'guardrail-hurt' : 'better'
  }
  if (upperBound < margin) return 'gain-ruled-out'
  if (validation.upperBound < -validationTolerance) return 'validation-worse'
  if (standardError > margin / 2) return 'too-uncertain'
  if (estimate < margin) return 'gain-too-small'
  return lowerBound > 0 ? 'validation-at-risk' : 'gain-may-be-chance'
}

/** Another look is worth while once the sets are large enough to decide, or half as large again, whichever is sooner. */
function imagesForNextLook({ together, margin }: Facts, enough: number): number {
  if (together.standardError === null) return enough
  const needed = Math.ceil(together.images * (together.standardError / (margin / 2)) ** 2)
  return Math.max(together.images + 1, Math.min(needed, Math.ceil(together.images * 1.5)))
}

function outcomeOf(cause: GateCause, look: number, looks: number): GateOutcome {
  if (cause === 'better') return 'promoted'
  const undecided = cause === 'too-uncertain' || cause === 'too-few-images'
  return undecided && look < looks ? 'inconclusive' : 'rejected'
}

/**
 * Whether a challenger replaces the champion: promoted when on both sets together the gain is at least the margin and certainly
 * above zero, on validation alone not certainly lost, and no guardrail is hurt; inconclusive while the sets are too small to tell;
 * else rejected. `docs/decisions/0007-the-gate.md` gives the reasons. Pure: the same input is decided alike. Throws
 * `configuration-invalid` for thresholds that cannot be, `release-refused` past the last look.
 */
export function decideRelease(input: GateInput): GateDecision {
  const { reason, guardrails, look = 1, thresholds = {} } = input
  const { alpha = 0.05, looks = 3, validationTolerance = 0.01, minimumImages = 20, ...rest } = thresholds
  const { margin = reason === 'volume' ? 0.005 : 0.01, ...resampling } = rest
  if (!(margin > 0) || !(alpha > 0 && alpha < 0.5) || !(looks >= 1)) {
    throw new AppError(
      'configuration-invalid',
      'The gate needs a margin above 0, an alpha between 0 and 0.5, and a look.',
    )
  }
  if (look > looks) {
    throw new AppError('release-refused', `The challenger has had its ${looks} looks; train a new one.`)
  }
  const alphaAtLook = alpha / looks
  const pooled = pool(input.validation, input.fresh)
  const on = (scores: PairedScores): SetEvidence => compareOn(scores, minimumImages, alphaAtLook, resampling)
  const facts: Facts = {
    label: input.validation.label,
    reason,
    look,
    looks,
    alpha,
    alphaAtLook,
    margin,
    validationTolerance,
    together: on(pooled),
    validation: on(input.validation),
    fresh: input.fresh === null ? null : on(input.fresh),
    pValues: { pairedTTest: pairedTTest(pooled).pValue, randomisation: randomisationTest(pooled, resampling) },
    guardrails,
  }
  const cause = judge(facts)
  const outcome = outcomeOf(cause, look, looks)
  const nextLookAtImages = outcome === 'inconclusive' ? imagesForNextLook(facts, minimumImages) : null
  const evidence: GateEvidence = { ...facts, cause, nextLookAtImages }
  const { estimate, lowerBound, standardError } = facts.together
  return {
    outcome,
    estimate,
    lowerBound,
    standardError,
    margin,
    sentence: explainDecision(outcome, evidence),
    evidence,
  }
}

/**
 * Whether a challenger that was inconclusive should be looked at again, now that there are `images` held-out images in all.
 * `evidence` is the gate's own, as the release record keeps it.
 */
export const mayLookAgain = (evidence: Pick<GateEvidence, 'nextLookAtImages'>, images: number): boolean =>
  evidence.nextLookAtImages !== null && images >= evidence.nextLookAtImages
