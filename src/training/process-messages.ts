import type { TrainingJob, TrainingProgress, TrainingResult } from './job.ts'

/** What the parent sends to a training process: once, the job. */
export type TrainingOrder = { readonly job: TrainingJob }

/** What a training process sends: progress, and at the end one of the other two. */
export type TrainingReport =
  | { readonly type: 'progress'; readonly progress: TrainingProgress }
  | { readonly type: 'trained'; readonly result: TrainingResult }
  | { readonly type: 'failed'; readonly detail: string }
