import { setPriority } from 'node:os'
import { toAppError } from '../core/errors.ts'
import { toStorageFull } from '../training/storage-full.ts'
import { runRerankerJob, type RerankerJob } from './reranker-job.ts'
import type { RerankerReport } from './run-in-process.ts'

/** Lower than everything that answers people: search stays quick while a model is trained. */
const PRIORITY = 10

// A parent that has died cannot use the result; its checkpoint lets the next one go on.
process.once('disconnect', () => process.exit(1))

// A terminal interrupts the whole group at once; when to stop is the parent's decision, which kills this process then.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined)

/** Resolves once the parent has the message, so that the process does not end before it. */
const send = (report: RerankerReport) => new Promise<void>((resolve) => process.send?.(report, () => resolve()))

async function run(job: RerankerJob): Promise<void> {
  try {
    setPriority(PRIORITY)
    const outcome = await runRerankerJob(job, (progress) => void send({ type: 'progress', progress })).catch(
      toStorageFull,
    )
    await send({ type: 'done', outcome })
  } catch (error) {
    const { code, message } = toAppError(error)
    await send({ type: 'failed', code, detail: message })
  }
  process.exit()
}

process.once('message', (job) => void run(job as RerankerJob))
