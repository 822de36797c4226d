import type { Catalogue } from '../catalogue/catalogue.ts'
import { toAppError } from '../core/errors.ts'
import { requireGoing } from '../core/stop.ts'
import type { Encoder } from '../ports/encoder.ts'
import { reciprocalRankByChance } from './chance.ts'
import { pairScores } from './compare.ts'
import type { Evaluation } from './evaluate-retrieval.ts'
import { dataSlices, type DataSlice } from './data-slices.ts'
import { summariseEvaluation } from './evaluation-summary.ts'
import { decideRelease, type GateThresholds } from './gate.ts'
import type { GateDecision } from './gate-decision.ts'
import { latencyGuardrail, qualityGuardrail, type Guardrail } from './guardrails.ts'
import { slice } from './paired-scores.ts'
import { evaluateModel, heldOutSet, type HeldOutSet, type Judgement } from './held-out.ts'

type JudgeDependencies = {
  readonly catalogue: Catalogue
  /** The caller closes what it is given. */
  readonly openEncoder: (modelVersion: string, signal?: AbortSignal) => Promise<Encoder>
  readonly bytesOf: (imageId: string) => Promise<Uint8Array>
  readonly judgement: Judgement
  readonly thresholds: GateThresholds
  readonly onEvaluated?: (modelVersion: string, summary: Record<string, number>) => void
}

type FirstVerdict = { readonly accepted: boolean; readonly sentence: string; readonly evidence: object }

/** An erasure may take a picture from under an evaluation, which then begins anew; more than a few in a row are something else. */
const ATTEMPTS = 5
/** The one-sided 95 % quantile of the normal distribution. */
const QUANTILE = 1.645

type HeldOut = { readonly validation: HeldOutSet; readonly fresh: HeldOutSet }
type Judged = { readonly validation: Evaluation; readonly fresh: Evaluation | null; readonly queryMilliseconds: number }

/** Judges models on the held-out images: a challenger against the champion, and the first model against chance. */
export function createJudge(deps: JudgeDependencies) {
  const sets = (): HeldOut => ({
    validation: heldOutSet(deps.catalogue, 'validation', deps.judgement),
    fresh: heldOutSet(deps.catalogue, 'fresh', deps.judgement),
  })

  /** Judges on what is held out now, as one: all models of a judgement see the same pictures. */
  const onHeldOut = async <Verdict>(judge: (heldOut: HeldOut) => Promise<Verdict>): Promise<Verdict> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await judge(sets())
      } catch (error) {
        if (toAppError(error).code !== 'blob-missing' || attempt === ATTEMPTS) throw error
      }
    }
  }

  const evaluate = async (
    modelVersion: string,
    { validation, fresh }: HeldOut,
    signal: AbortSignal | undefined,
  ): Promise<Judged> => {
    const encoder = await deps.openEncoder(modelVersion, signal)
    try {
      const on = (set: HeldOutSet) => evaluateModel(encoder, set, deps.bytesOf, signal)
      const onValidation = await on(validation)
      const onFresh = fresh.captions.length === 0 ? null : await on(fresh)
      deps.onEvaluated?.(modelVersion, summariseEvaluation(onValidation))
      const queries = validation.captions.slice(0, 51).map(({ caption }) => caption)
      const queryMilliseconds = await medianQueryTime(encoder, queries, signal)
      return { validation: onValidation, fresh: onFresh, queryMilliseconds }
    } finally {
      await encoder.close()
    }
  }

  const slicesOf = ({ captions }: HeldOutSet): DataSlice[] =>
    dataSlices(captions, (imageId) => deps.catalogue.image(imageId)?.source ?? null)

  return {
    /** Champion against challenger on the images that are held out now. Throws `not-ready` soon after `signal` is raised. */
    compare: (
      champion: string,
      challenger: string,
      reason: string,
      look: number,
      signal?: AbortSignal,
    ): Promise<GateDecision> =>
      onHeldOut(async (heldOut) => {
        const old = await evaluate(champion, heldOut, signal)
        const young = await evaluate(challenger, heldOut, signal)
        return decideRelease({
          validation: pairScores(old.validation, young.validation),
          fresh: old.fresh === null || young.fresh === null ? null : pairScores(old.fresh, young.fresh),
          guardrails: guardrails(old, young, slicesOf(heldOut.validation)),
          reason,
          look,
          thresholds: deps.thresholds,
        })
      }),

    /** Whether the first model finds more than chance would; there is nobody to compare it with. */
    judgeFirst: (challenger: string, signal?: AbortSignal): Promise<FirstVerdict> =>
      onHeldOut(async (heldOut) => {
        const images = heldOut.validation.imageIds.length
        if (images < 20) {
          const sentence = `The first model is accepted unjudged: there are only ${images} validation images.`
          return { accepted: true, sentence, evidence: { validationImages: images } }
        }
        const { validation } = await evaluate(challenger, heldOut, signal)
        const { mean: chance, variance } = chanceOn(heldOut.validation)
        const needed = chance + QUANTILE * Math.sqrt(variance / images)
        const found = validation.textToImage.means.reciprocal_rank
        const accepted = found > needed
        const figures = `mean reciprocal rank of ${found.toFixed(3)} on ${images} validation images, where guessing gives ${chance.toFixed(3)} and rarely more than ${needed.toFixed(3)}`
        const sentence = accepted
          ? `The first model is accepted with a ${figures}.`
          : `The first model is no better than guessing: a ${figures}.`
        return { accepted, sentence, evidence: { validation: summariseEvaluation(validation), chance, needed } }
      }),
  }
}

/** What guessing gives over the captions that have something relevant, which are those that an evaluation counts. */
function chanceOn({ imageIds, captions, relevant }: HeldOutSet): { mean: number; variance: number } {
  const numbers = captions.map(({ pairId }) => relevant.get(pairId)?.length ?? 1).filter((number) => number > 0)
  const chances = numbers.map((number) => reciprocalRankByChance(imageIds.length, number))
  const over = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  return { mean: over(chances.map(({ mean }) => mean)), variance: over(chances.map(({ variance }) => variance)) }
}

function guardrails(old: Judged, young: Judged, slices: readonly DataSlice[]): Guardrail[] {
  const whole = pairScores(old.validation, young.validation)
  // Of several slices one looks hurt by chance sooner than of one: they share what a single guardrail may err (Bonferroni).
  const alpha = 0.05 / Math.max(1, slices.length)
  return [
    qualityGuardrail(pairScores(old.validation, young.validation, { measure: 'reciprocal_rank' })),
    qualityGuardrail(pairScores(old.validation, young.validation, { measure: 'average_precision' })),
    qualityGuardrail(pairScores(old.validation, young.validation, { direction: 'imageToText' })),
    ...slices.map(({ name, imageIds }) =>
      qualityGuardrail(
        slice(whole, name, (imageId) => imageIds.has(imageId)),
        { alpha },
      ),
    ),
    latencyGuardrail({ champion: old.queryMilliseconds, challenger: young.queryMilliseconds }),
  ]
}

/** The median time of one text query, one at a time as a person sends them. */
async function medianQueryTime(
  encoder: Encoder,
  queries: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const times: number[] = []
  for (const query of queries) {
    requireGoing(signal)
    const start = performance.now()
    await encoder.encodeTexts([query])
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[times.length >> 1] ?? 0
}
