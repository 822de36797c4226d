import type { Guardrail } from './guardrails.ts'

export type GateOutcome = 'promoted' | 'rejected' | 'inconclusive'

/** Why the outcome is what it is. */
export type GateCause =
  | 'better'
  | 'guardrail-hurt'
  | 'too-few-images'
  | 'gain-ruled-out'
  | 'validation-worse'
  | 'too-uncertain'
  | 'gain-too-small'
  | 'gain-may-be-chance'
  | 'validation-at-risk'

/** The comparison on one set of images; bounds are one-sided at `alphaAtLook`, null without enough images. */
export type SetEvidence = {
  readonly images: number
  readonly queries: number
  readonly champion: number
  readonly challenger: number
  /** Challenger minus champion, as a mean over queries. */
  readonly estimate: number
  readonly standardError: number | null
  readonly lowerBound: number | null
  readonly upperBound: number | null
}

export type GateEvidence = {
  readonly label: string
  readonly reason: string
  readonly cause: GateCause
  readonly look: number
  readonly looks: number
  readonly alpha: number
  readonly alphaAtLook: number
  readonly margin: number
  readonly validationTolerance: number
  /** Validation and fresh images together: what decides. */
  readonly together: SetEvidence
  readonly validation: SetEvidence
  readonly fresh: SetEvidence | null
  /** Two-sided p-values over both sets, beside the bootstrap for whoever knows these better; they decide nothing. */
  readonly pValues: { readonly pairedTTest: number; readonly randomisation: number }
  readonly guardrails: readonly Guardrail[]
  /** After an inconclusive look: how many held-out images make another one worth while. */
  readonly nextLookAtImages: number | null
}

export type GateDecision = {
  readonly outcome: GateOutcome
  readonly estimate: number
  readonly lowerBound: number | null
  readonly standardError: number | null
  readonly margin: number
  /** The decision in plain words. */
  readonly sentence: string
  /** Plain data, for the release record. */
  readonly evidence: GateEvidence
}
