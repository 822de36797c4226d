import { fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AppError, type ErrorCode } from '../core/errors.ts'
import { unlessStopped } from '../core/stop.ts'
import type { EvaluatedCaption, EvaluatedImage, Evaluation } from './evaluate-retrieval.ts'

/** What is sent to the process; judgements as a table, because a function cannot be sent. */
export type EvaluationOrder = {
  readonly images: readonly EvaluatedImage[]
  readonly captions: readonly EvaluatedCaption[]
  /** By caption id; a caption without an entry has its own image. */
  readonly relevant: ReadonlyMap<string, readonly string[]>
}

export type EvaluationReport =
  { readonly evaluation: Evaluation } | { readonly code: ErrorCode; readonly detail: string }

const program = fileURLToPath(new URL(`./evaluation-process${extname(import.meta.url)}`, import.meta.url))

/** `evaluateRetrieval` in a process of its own: seconds of arithmetic would hold up every search of this one. `signal` ends it. */
export async function evaluateInProcess(order: EvaluationOrder, signal?: AbortSignal): Promise<Evaluation> {
  const child = fork(program, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  try {
    const reported = new Promise<EvaluationReport>((resolve, reject) => {
      child.once('message', (message) => resolve(message as EvaluationReport))
      child.once('error', reject)
      child.once('exit', (code, signal) =>
        reject(new AppError('internal', `The evaluation process ended by itself (${signal ?? `exit code ${code}`}).`)),
      )
      child.send(order)
    })
    const report = await unlessStopped(reported, signal)
    if ('evaluation' in report) return report.evaluation
    throw new AppError(report.code, report.detail)
  } finally {
    child.kill()
  }
}
