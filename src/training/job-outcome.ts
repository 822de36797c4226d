import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { BlobStore } from '../ports/blob-store.ts'
import type { EventLog } from '../ports/event-log.ts'
import { writeDurably } from './weights-file.ts'

export const OUTCOME_FILE = 'outcome.json'

const outcomeSchema = z.object({
  /** The log whose request it answers: the first requests of any two logs have the same ids. */
  log: z.string(),
  /** Blob key of the manifest; it and all it names are durable. */
  manifest: z.string(),
  /** The model whose weights it started from; null when it started from scratch. */
  parent: z.string().nullable(),
  history: z.array(z.object({ epoch: z.number(), loss: z.number(), developmentRecall: z.number() })),
  metrics: z.record(z.string(), z.number()),
})

/** What a training came to whose model is saved: all that is needed to answer its request. It names no picture and no caption. */
export type JobOutcome = z.infer<typeof outcomeSchema>

/** Notes the outcome in the folder of its job, durably, so that who waits for a server after that trains no second time. */
export const writeOutcome = (jobFolder: string, outcome: JobOutcome): Promise<void> =>
  writeDurably(join(jobFolder, OUTCOME_FILE), [Buffer.from(JSON.stringify(outcome))])

/** What tells whether an outcome that is noted still holds. */
export type OutcomeSources = {
  readonly log: Pick<EventLog, 'identity'>
  readonly blobs: Pick<BlobStore, 'info'>
}

/** The outcome that is noted; null when there is none that can be read, is this log's, and has its model in the blob store. */
export async function readOutcome(jobFolder: string, { log, blobs }: OutcomeSources): Promise<JobOutcome | null> {
  const path = join(jobFolder, OUTCOME_FILE)
  if (!existsSync(path)) return null
  const outcome = parse(await readFile(path, 'utf8'))
  if (outcome === null || outcome.log !== (await log.identity())) return null
  return (await blobs.info(outcome.manifest)) === null ? null : outcome
}

function parse(text: string): JobOutcome | null {
  try {
    return outcomeSchema.parse(JSON.parse(text))
  } catch {
    return null
  }
}
