import type { TrainingJob, TrainingProgress, TrainingResult } from './job.ts'
import type { ChildReport } from './run-child.ts'

/** What the parent sends to a training process: once, the job. */
export type TrainingOrder = { readonly job: TrainingJob }

export type TrainingReport = ChildReport<TrainingProgress, TrainingResult>
