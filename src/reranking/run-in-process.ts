import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError } from '../core/errors.ts'
import { runChild } from '../training/run-child.ts'
import type { RerankerJob, RerankerOutcome, RerankerProgress } from './reranker-job.ts'

/** The program beside this file: TypeScript from source, JavaScript once built. */
const program = fileURLToPath(new URL(`./reranker-process${extname(import.meta.url)}`, import.meta.url))

/**
 * `runRerankerJob` in a process of its own at low priority, so that this one goes on answering. The process ends with this one; where it
 * dies, running the same job again goes on from its checkpoint. Throws what the job throws, `training-failed` where the process dies, and
 * the signal's reason.
 */
export async function rerankInProcess(
  job: RerankerJob,
  report: (progress: RerankerProgress) => void,
  signal?: AbortSignal,
): Promise<RerankerOutcome> {
  const ended = await runChild<RerankerOutcome>(program, job, report, signal)
  if ('result' in ended) return ended.result
  if ('failure' in ended) throw new AppError(ended.failure.code, ended.failure.detail)
  const detail = `The training process ended by itself (${ended.diedBy}); see whether there is memory enough, and train again to go on.`
  throw new AppError('training-failed', detail)
}
