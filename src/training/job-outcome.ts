import { existsSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeDurably } from './weights-file.ts'

const OUTCOME_FILE = 'outcome.json'

const outcomeSchema = z.object({
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

/** The outcome that is noted; null when there is none that can be read. */
export async function readOutcome(jobFolder: string): Promise<JobOutcome | null> {
  const path = join(jobFolder, OUTCOME_FILE)
  if (!existsSync(path)) return null
  return outcomeSchema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data ?? null
}

/** Leaves of a job nothing but its outcome, as nobody trains on its data any more; false, and all is left, where there is none. */
export async function reduceToOutcome(jobFolder: string): Promise<boolean> {
  if (!existsSync(join(jobFolder, OUTCOME_FILE))) return false
  for (const name of await readdir(jobFolder)) {
    if (name !== OUTCOME_FILE) await rm(join(jobFolder, name), { recursive: true, force: true })
  }
  return true
}
