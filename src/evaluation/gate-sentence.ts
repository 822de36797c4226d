import type { GateEvidence, GateOutcome } from './gate-decision.ts'

const whole = (value: number): string => value.toLocaleString('en-GB')
const score = (value: number): string => value.toFixed(4)
const signed = (value: number): string => (value < 0 ? score(value) : `+${score(value)}`)

/** The change that was seen: `NDCG@10, text to image, goes from 0.4120 to 0.4431 (+0.0311) over 1,000 images (5,000 queries)`. */
function change({ label, together }: GateEvidence): string {
  const { champion, challenger, estimate, images, queries } = together
  return (
    `${label}, goes from ${score(champion)} to ${score(challenger)} (${signed(estimate)})` +
    ` over ${whole(images)} images (${whole(queries)} queries)`
  )
}

/** The clause that says why, for each cause. */
function because(evidence: GateEvidence): string {
  const { margin, together, validation, validationTolerance, alphaAtLook } = evidence
  const sure = `with ${(100 * (1 - alphaAtLook)).toFixed(1)} % confidence`
  const bound = (value: number | null): string => (value === null ? 'an unknown amount' : signed(value))
  switch (evidence.cause) {
    case 'better':
      return `that is at least the margin of ${margin}, and ${sure} it gains ${bound(together.lowerBound)} or more`
    case 'guardrail-hurt':
      return `but it hurts ${evidence.guardrails
        .filter(({ hurt }) => hurt)
        .map(({ name, detail }) => `${name} (${detail})`)
        .join(' and ')}`
    case 'too-few-images':
      return 'but there are too few held-out images to conclude anything'
    case 'gain-ruled-out':
      return `and ${sure} it gains ${bound(together.upperBound)} at most, less than the margin of ${margin}`
    case 'validation-worse':
      return `but ${sure} it loses more than ${validationTolerance} on the validation images alone`
    case 'too-uncertain':
      return `but the standard error of ${score(together.standardError ?? 0)} is over half the margin of ${margin}`
    case 'gain-too-small':
      return `which is less than the margin of ${margin}`
    case 'gain-may-be-chance':
      return `but it may be chance: ${sure} all that can be said is ${bound(together.lowerBound)} or more`
    case 'validation-at-risk':
      return `but on the validation images alone it may be as bad as ${bound(validation.lowerBound)}`
  }
}

/** What follows from it, where that is not plain from the outcome. */
function consequence({ look, looks, nextLookAtImages, cause }: GateEvidence, outcome: GateOutcome): string {
  if (outcome === 'inconclusive') {
    return ` This was look ${look} of ${looks}; the next is due at ${whole(nextLookAtImages ?? 0)} held-out images.`
  }
  const undecided = cause === 'too-uncertain' || cause === 'too-few-images'
  return outcome === 'rejected' && undecided ? ` This was the last of ${looks} looks, so the champion stays.` : ''
}

const openings = { promoted: 'Promoted', rejected: 'Rejected', inconclusive: 'Inconclusive' } as const

/** A decision of the gate in one or two plain sentences, with its figures. */
export const explainDecision = (outcome: GateOutcome, evidence: GateEvidence): string =>
  `${openings[outcome]}: ${change(evidence)}, ${because(evidence)}.${consequence(evidence, outcome)}`
