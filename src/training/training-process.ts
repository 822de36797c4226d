import { AppError } from '../core/errors.ts'
import { answerParent } from './answer-parent.ts'
import type { TrainingOrder } from './process-messages.ts'
import { trainModel } from './train.ts'

/** A full disk is no verdict on the training: the parent waits for space then. */
function toFailure(error: unknown): AppError {
  const code = (error as NodeJS.ErrnoException).code === 'ENOSPC' ? 'storage-full' : 'training-failed'
  return new AppError(code, error instanceof Error ? error.message : String(error))
}

answerParent(({ job }: TrainingOrder, report) => trainModel(job, report), toFailure)
