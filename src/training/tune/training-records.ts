import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeDurably } from '../weights-file.ts'
import type { TrialTraining } from './halving.ts'

const RECORDS_FILE = 'trainings.jsonl'

const count = z.number().int().nonnegative()
const recordSchema = z.object({
  trial: count,
  fold: count,
  epochs: count,
  /** The mean of the six recalls on the fold; null where the training failed. */
  score: z.number().nullable(),
  /** What else was measured, by name. */
  metrics: z.record(z.string(), z.number()),
  failure: z.string().nullable(),
  /** Milliseconds since the epoch. */
  endedAt: z.number(),
})

/** What a training of a search came to. */
export type EndedTraining = z.infer<typeof recordSchema>

export type TrainingRecords = {
  find(training: TrialTraining): EndedTraining | undefined
  /** Resolves once the record is on the disk. */
  add(record: EndedTraining): Promise<void>
}

const keyOf = ({ trial, fold, epochs }: TrialTraining): string => `${trial}:${fold}:${epochs}`

function parse(line: string): EndedTraining | null {
  try {
    return recordSchema.parse(JSON.parse(line))
  } catch {
    return null
  }
}

/**
 * The trainings of a search that have ended, a line of JSON each in `trainings.jsonl`: all that a search which was killed needs to go on.
 * A line that cannot be read, because the process died while it wrote, is dropped; its training is done again, to the same end.
 */
export async function openTrainingRecords(folder: string): Promise<TrainingRecords> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, RECORDS_FILE)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  })
  const lines = text.split('\n').map(parse)
  const records = new Map(lines.flatMap((record) => (record === null ? [] : [[keyOf(record), record] as const])))
  const whole = [...records.values()].map((record) => `${JSON.stringify(record)}\n`).join('')
  // Also where there is none yet: the name of the file is durable from here on, and only lines are added.
  await writeDurably(path, [Buffer.from(whole)])
  return {
    find: (training) => records.get(keyOf(training)),
    async add(record) {
      const file = await open(path, 'a')
      try {
        await file.writeFile(`${JSON.stringify(record)}\n`)
        await file.sync()
      } finally {
        await file.close()
      }
      records.set(keyOf(record), record)
    },
  }
}
