import type { MiddlewareHandler } from 'hono'
import { withDeadline } from '../../core/deadline.ts'
import { AppError } from '../../core/errors.ts'
import type { NeedsOf } from '../access/route-permissions.ts'
import { createAdmission } from '../limits/admission.ts'
import type { ApiEnvironment } from './trace.ts'

export type WorkLimits = {
  /** Requests in work at once. */
  readonly atOnce: number
  /** Milliseconds that a request may take, its body included. */
  readonly longest: number
}

/**
 * Bounds what is in work and what waits for it, and how long a request may take. What is answered late goes on until it ends, and keeps its
 * place so long: a limit that counted only those who still wait would not bound the work. Probes are not held up.
 */
export function admit({ atOnce, longest }: WorkLimits, needsOf: NeedsOf): MiddlewareHandler<ApiEnvironment> {
  const admission = createAdmission(atOnce)
  const late = (): AppError =>
    new AppError(
      'request-timeout',
      `It was not done within ${longest / 1_000} s (REQUEST_SECONDS), and goes on; look whether it is done before it is sent again.`,
    )
  return async function admit(context, next) {
    if (needsOf(context).every(({ permission }) => permission === 'metrics:read')) return next()
    let begun: () => void = () => undefined
    const beginning = new Promise<void>((resolve) => (begun = resolve))
    const work = admission.run(async () => {
      begun()
      await next()
    })
    await Promise.race([beginning, work])
    return withDeadline(work, longest, late)
  }
}
