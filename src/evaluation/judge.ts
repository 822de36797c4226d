import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Encoder } from '../ports/encoder.ts'
import { pairScores } from './compare.ts'
import type { Evaluation } from './evaluate-retrieval.ts'
import { summariseEvaluation } from './evaluation-summary.ts'
import { decideRelease, type GateThresholds } from './gate.ts'
import type { GateDecision } from './gate-decision.ts'
import { latencyGuardrail, qualityGuardrail, type Guardrail } from './guardrails.ts'
import { evaluateModel, heldOutSet, type HeldOutSet, type Judgement } from './held-out.ts'

export type JudgeDependencies = {
  readonly catalogue: Catalogue
  /** The caller closes what it is given. */
  readonly openEncoder: (modelVersion: string) => Promise<Encoder>
  readonly bytesOf: (imageId: string) => Promise<Uint8Array>
  readonly judgement: Judgement
  readonly thresholds: GateThresholds
  readonly onEvaluated?: (modelVersion: string, summary: Record<string, number>) => Promise<void>
}

export type FirstVerdict = { readonly accepted: boolean; readonly sentence: string; readonly evidence: object }

type Judged = { readonly validation: Evaluation; readonly fresh: Evaluation | null; readonly queryMilliseconds: number }

/** Judges models on the held-out images: a challenger against the champion, and the first model against chance. */
export function createJudge(deps: JudgeDependencies) {
  const sets = (): { validation: HeldOutSet; fresh: HeldOutSet } => ({
    validation: heldOutSet(deps.catalogue, 'validation', deps.judgement),
    fresh: heldOutSet(deps.catalogue, 'fresh', deps.judgement),
  })

  const evaluate = async (modelVersion: string, { validation, fresh }: ReturnType<typeof sets>): Promise<Judged> => {
    const encoder = await deps.openEncoder(modelVersion)
    try {
      const onValidation = await evaluateModel(encoder, validation, deps.bytesOf)
      const onFresh = fresh.captions.length === 0 ? null : await evaluateModel(encoder, fresh, deps.bytesOf)
      await deps.onEvaluated?.(modelVersion, summariseEvaluation(onValidation))
      const queries = validation.captions.slice(0, 51).map(({ caption }) => caption)
      return { validation: onValidation, fresh: onFresh, queryMilliseconds: await medianQueryTime(encoder, queries) }
    } finally {
      await encoder.close()
    }
  }

  return {
    /** Champion against challenger on the images that are held out now. */
    async compare(champion: string, challenger: string, reason: string, look: number): Promise<GateDecision> {
      const heldOut = sets()
      const old = await evaluate(champion, heldOut)
      const young = await evaluate(challenger, heldOut)
      return decideRelease({
        validation: pairScores(old.validation, young.validation),
        fresh: old.fresh === null || young.fresh === null ? null : pairScores(old.fresh, young.fresh),
        guardrails: guardrails(old, young),
        reason,
        look,
        thresholds: deps.thresholds,
      })
    },

    /** Whether the first model finds more than chance would; there is nobody to compare it with. */
    async judgeFirst(challenger: string): Promise<FirstVerdict> {
      const heldOut = sets()
      const images = heldOut.validation.imageIds.length
      if (images < 20) {
        const sentence = `The first model is accepted unjudged: there are only ${images} validation images.`
        return { accepted: true, sentence, evidence: { validationImages: images } }
      }
      const { validation } = await evaluate(challenger, heldOut)
      const recall = validation.textToImage.means.success_10
      const chance = 10 / images
      const accepted = recall > 2 * chance
      const figures = `Recall@10 of ${percent(recall)} on ${images} validation images, where chance gives ${percent(chance)}`
      const sentence = accepted
        ? `The first model is accepted with a ${figures}.`
        : `The first model is no better than guessing: ${figures}.`
      return { accepted, sentence, evidence: { validation: summariseEvaluation(validation), chance } }
    },
  }
}

function guardrails(old: Judged, young: Judged): Guardrail[] {
  return [
    qualityGuardrail(pairScores(old.validation, young.validation, { measure: 'reciprocal_rank' })),
    qualityGuardrail(pairScores(old.validation, young.validation, { measure: 'average_precision' })),
    qualityGuardrail(pairScores(old.validation, young.validation, { direction: 'imageToText' })),
    latencyGuardrail({ champion: old.queryMilliseconds, challenger: young.queryMilliseconds }),
  ]
}

/** The median time of one text query, one at a time as a person sends them. */
async function medianQueryTime(encoder: Encoder, queries: readonly string[]): Promise<number> {
  const times: number[] = []
  for (const query of queries) {
    const start = performance.now()
    await encoder.encodeTexts([query])
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[times.length >> 1] ?? 0
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`
