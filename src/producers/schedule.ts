import { Cron } from 'croner'
import { AppError } from '../core/errors.ts'

const ADVICE = 'Write a cron expression such as "0 3 * * *" (every day at three).'

type Schedule = {
  /** When it runs next, in milliseconds since the epoch; null when never again. */
  next(): number | null
  /** No run begins after this; resolves once the one that is under way, if any, has ended. */
  stop(): Promise<void>
}

function parse(cron: string, run: () => Promise<void>): Cron {
  try {
    const job = new Cron(cron, { protect: true }, run)
    if (job.nextRun() !== null) return job
    job.stop()
  } catch (error) {
    throw new AppError('configuration-invalid', ADVICE, { cause: error })
  }
  throw new AppError('configuration-invalid', `The schedule names no time to come. ${ADVICE}`)
}

/**
 * Runs `run` at the times of a cron expression (five or six fields, local time, or `@hourly` and the like). A run that is due while
 * the one before goes on is left out; what a run throws goes to `onError`. Throws `configuration-invalid` for any other expression.
 */
export function startSchedule(cron: string, run: () => Promise<void>, onError: (error: unknown) => void): Schedule {
  let underWay: Promise<void> = Promise.resolve()
  const job = parse(cron, () => (underWay = Promise.resolve().then(run).catch(onError)))
  return {
    next: () => job.nextRun()?.getTime() ?? null,
    async stop() {
      job.stop()
      await underWay
    },
  }
}
