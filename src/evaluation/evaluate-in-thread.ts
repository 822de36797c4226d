import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AppError, type ErrorCode } from '../core/errors.ts'
import type { EvaluatedCaption, EvaluatedImage, Evaluation } from './evaluate-retrieval.ts'

/** What crosses to the thread; judgements as a table, because a function cannot. */
export type ThreadInput = {
  readonly images: readonly EvaluatedImage[]
  readonly captions: readonly EvaluatedCaption[]
  /** By caption id; a caption without an entry has its own image. */
  readonly relevant: ReadonlyMap<string, readonly string[]>
}

export type ThreadOutput = { readonly evaluation: Evaluation } | { readonly code: ErrorCode; readonly detail: string }

const threadFile = new URL(`./evaluation-thread${extname(import.meta.url)}`, import.meta.url)

/** `evaluateRetrieval` in a thread of its own: seconds of arithmetic would hold up every search of this process. */
export async function evaluateInThread(input: ThreadInput): Promise<Evaluation> {
  const worker = new Worker(threadFile, { workerData: input })
  try {
    const output = await new Promise<ThreadOutput>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    if ('evaluation' in output) return output.evaluation
    throw new AppError(output.code, output.detail)
  } finally {
    await worker.terminate()
  }
}
