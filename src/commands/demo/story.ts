import type { GateEvidence } from '../../evaluation/gate-decision.ts'
import type { EpochResult } from '../../training/job.ts'

/** Something that happened, and the topic that carried it (null for what no topic carries). */
export type StoryLine = { readonly at: number; readonly topic: string | null; readonly text: string }

export type StoryStage = { readonly name: string; readonly startedAt: number; readonly endedAt: number }

export type StoryModel = {
  readonly modelVersion: string
  readonly label: string
  readonly pairs: number
  readonly history: readonly EpochResult[]
  /** Text-to-image figures on the validation images, as shares; the median rank counts from 1. */
  readonly recall: {
    readonly at1: number
    readonly at5: number
    readonly at10: number
    readonly ndcg10: number
    readonly medianRank: number
  } | null
}

export type StoryDecision = {
  readonly at: number
  readonly modelVersion: string
  /** `promoted`, `rejected`, `inconclusive`, …. */
  readonly state: string
  readonly sentence: string
  /** Null for the first model, which has nobody to be compared with. */
  readonly evidence: GateEvidence | null
}

export type StoryHit = {
  readonly imageId: string
  readonly score: number
  readonly captions: readonly string[]
  /** Whether the picture satisfies the query; null where nobody can say. */
  readonly relevant: boolean | null
  readonly picture: Uint8Array
}

export type StoryQuery = {
  readonly query: string
  readonly before: readonly StoryHit[]
  readonly after: readonly StoryHit[]
}

/** All that a demo did, for the pictures and the report made of it. */
export type Story = {
  readonly title: string
  readonly startedAt: number
  readonly endedAt: number
  readonly stages: readonly StoryStage[]
  readonly lines: readonly StoryLine[]
  readonly models: readonly StoryModel[]
  readonly decisions: readonly StoryDecision[]
  readonly queries: readonly StoryQuery[]
}
