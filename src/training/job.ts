import type { Regions } from '../models/regions.ts'
import type { Hyperparameters } from './hyperparameters.ts'

/** A training as data: what a process of its own is given. */
export type TrainingJob = {
  /** Holds `features.f32` and `examples.jsonl` (see `writeTrainingData`), and the checkpoint while training. */
  readonly jobFolder: string
  /** Where the model is written, in the hub layout. */
  readonly outputFolder: string
  readonly modelVersion: string
  readonly seed: number
  /** Threads of ONNX Runtime. */
  readonly threads: number
  readonly featureWidth: number
  /** The regions that end each row of features; null where there are none. */
  readonly regions?: Regions | null
  /** The width of the captions' embeddings in `sentences.f32`; null where the model builds on no sentence encoder. */
  readonly sentenceWidth: number | null
  /** The CLIP whose halves gave the features and the embeddings; null where these come from two networks. */
  readonly clip?: { readonly id: string } | null
  /** Ids of the frozen networks that gave the features and the embeddings: what another one gave is another training. */
  readonly networks?: readonly string[]
  /** A model folder, as written by an earlier training, to start from; null starts from scratch. */
  readonly initialFolder: string | null
  readonly hyperparameters: Hyperparameters
}

export type TrainingProgress = {
  /** Counts from 1. */
  readonly epoch: number
  readonly epochs: number
  readonly step: number
  readonly steps: number
  readonly loss: number
  readonly learningRate: number
  /** Text-to-image Recall@10 on the development fold, at the end of an epoch. */
  readonly developmentRecall?: number
  /** At the present pace; early stopping may end it sooner. */
  readonly secondsLeft: number
}

export type EpochResult = { readonly epoch: number; readonly loss: number; readonly developmentRecall: number }

export type TrainingResult = {
  readonly epochsRun: number
  /** The epoch whose weights were exported; 0 where that is a CLIP as it is. */
  readonly bestEpoch: number
  readonly history: readonly EpochResult[]
  readonly metrics: Readonly<Record<string, number>>
  readonly vocabularySize: number
  /** Learned: similarities are divided by it. */
  readonly temperature: number
}
