import type { GateEvidence } from '../../evaluation/gate-decision.ts'
import { counted, percentage, signed, wholeNumber } from '../figures.ts'
import { fullName } from './charts/series.ts'
import type { Story, StoryDecision, StoryModel } from './story.ts'

/** A decision that the gate made on evidence. */
type JudgedDecision = StoryDecision & { readonly evidence: GateEvidence }

const isJudged = (decision: StoryDecision): decision is JudgedDecision => decision.evidence !== null

/** What the gate said, once a look: the records of building and of switching may both carry its evidence, and the last counts. */
export function judgedDecisions(decisions: readonly StoryDecision[]): JudgedDecision[] {
  const judged = decisions.filter(isJudged)
  const lookOf = ({ modelVersion, evidence }: JudgedDecision): string => `${modelVersion} ${evidence.look}`
  return judged.filter(
    (decision, index) => !judged.slice(index + 1).some((later) => lookOf(later) === lookOf(decision)),
  )
}

/** A model's name and version for people; its version alone where the story does not know it. */
export function nameOf(models: readonly StoryModel[], modelVersion: string): string {
  const known = models.find((model) => model.modelVersion === modelVersion)
  return known === undefined ? modelVersion : fullName(known)
}

const takesOver = ({ state }: StoryDecision): boolean => state === 'promoted' || state === 'reverted'

/** The versions that have served, oldest first; the last one serves now. */
const servedVersions = (decisions: readonly StoryDecision[]): string[] =>
  decisions.filter(takesOver).map(({ modelVersion }) => modelVersion)

const points = (share: number): string => `${Math.abs(100 * share).toFixed(1)} percentage points`

function advantage(serving: StoryModel, first: StoryModel): string {
  if (serving.recall === null || first.recall === null) return ''
  const gain = serving.recall.at10 - first.recall.at10
  if (Math.abs(gain) < 0.0005) return `, as many as ${first.label} did at first`
  return `, ${points(gain)} ${gain > 0 ? 'more' : 'fewer'} than ${first.label} did at first`
}

function servingSentence({ models, decisions }: Story): string {
  const served = servedVersions(decisions)
  const [first, serving] = [served[0], served.at(-1)].map((version) =>
    models.find((model) => model.modelVersion === version),
  )
  if (served.length === 0) return 'No model serves yet.'
  if (serving === undefined) return `The model in service is ${served.at(-1) ?? 'unknown'}.`
  const what = `The model in service is ${fullName(serving)}, trained on ${counted(serving.pairs, 'pair')}`
  if (serving.recall === null) return `${what}.`
  const found = `it finds the right picture within the first ten for ${percentage(serving.recall.at10)} of the validation captions`
  return `${what}; ${found}${first === undefined || first === serving ? '' : advantage(serving, first)}.`
}

const measureOf = ({ label }: GateEvidence): string => label.split(',')[0] ?? label

/** The part of the gate's sentence about what it let in. */
function gainOf({ evidence }: JudgedDecision): string {
  const { estimate, lowerBound } = evidence.together
  const sure = `${(100 * (1 - evidence.alphaAtLook)).toFixed(1)} % confidence`
  const least = lowerBound === null ? '' : `, and with ${sure} at least ${signed(lowerBound)}`
  return `the last promotion gains ${signed(estimate)} ${measureOf(evidence)}${least}`
}

const isPassed = ({ state }: StoryDecision): boolean => state !== 'rejected' && state !== 'inconclusive'

function gateSentence({ decisions }: Story): string {
  const judged = judgedDecisions(decisions)
  if (judged.length === 0) {
    return decisions.length === 0
      ? 'The gate has decided nothing yet.'
      : 'The gate has compared nothing, as the first model has no other to be compared with.'
  }
  const passed = judged.filter(isPassed)
  const rejected = judged.filter(({ state }) => state === 'rejected').length
  const open = judged.filter(({ state }) => state === 'inconclusive').length
  const counts = [
    passed.length > 0 && `promoted ${wholeNumber(passed.length)}`,
    rejected > 0 && `rejected ${wholeNumber(rejected)}`,
    open > 0 && `could not yet decide ${wholeNumber(open)}`,
  ].filter((part) => part !== false)
  const promotion = passed.at(-1)
  const clauses = [
    ...(promotion === undefined ? [] : [gainOf(promotion)]),
    ...(rejected === 0
      ? []
      : [
          'a rejection is the gate working as it should: a challenger that is not shown to be better does not replace a model that works',
        ]),
    ...(open === 0 ? [] : ['what is undecided is looked at again once there are more pictures to judge on']),
  ]
  return `Of ${counted(judged.length, 'comparison')} the gate ${counts.join(' and ')}: ${clauses.join('; ')}.`
}

/** What a reader in a hurry must know, in two sentences: what serves now and how much better it is, and what the gate said. */
export const summarise = (story: Story): readonly [string, string] => [servingSentence(story), gateSentence(story)]
