import { constants, setPriority } from 'node:os'
import type { TrainingOrder, TrainingReport } from './process-messages.ts'
import { trainModel } from './train.ts'

/** Lower than everything that answers people: search stays quick while a model is trained. */
const PRIORITY = 10

// A parent that has died cannot use the result; its checkpoint lets the next one go on.
process.once('disconnect', () => process.exit(1))

// A terminal interrupts the whole group at once. When to stop is the parent's decision, which kills this process then; dying first
// would look like a training that failed.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined)

/** Resolves once the parent has the message, so that the process does not end before it. */
const send = (report: TrainingReport) => new Promise<void>((resolve) => process.send?.(report, () => resolve()))

async function train({ job }: TrainingOrder): Promise<void> {
  try {
    setPriority(PRIORITY)
    const result = await trainModel(job, (progress) => void send({ type: 'progress', progress }))
    await send({ type: 'trained', result })
  } catch (error) {
    // No verdict on the training: the status tells the parent to wait for space.
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') process.exit(constants.errno.ENOSPC)
    await send({ type: 'failed', detail: error instanceof Error ? error.message : String(error) })
  }
  process.exit()
}

process.once('message', (order) => void train(order as TrainingOrder))
