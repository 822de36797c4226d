import { AppError, toAppError } from '../core/errors.ts'
import { startTrace } from '../telemetry/trace-context.ts'
import { withinTrace } from '../telemetry/traced-log.ts'
import type { Services } from '../roles/services.ts'

type AuditServices = Pick<Services, 'audit' | 'names'>

type Deed<T> = {
  /** What, as the audit log names it: `models:promote`. */
  readonly action: string
  /** On what: an id, which what is made has only afterwards. */
  readonly object?: string | ((done: T) => string)
  /** Who asks for it, by name. */
  readonly by: string
  /** How many things it was about; default 1. */
  readonly count?: (done: T) => number
}

/** The opaque form of a name, for what is kept for ever. */
const principalOf = async ({ names }: AuditServices, by: string) => ({ id: await names.idOf('cli', by), name: by })

/**
 * Makes a change in somebody's name: written to the audit log before, without which it is not made, and again with what became of it.
 */
export async function audited<T>(services: AuditServices, deed: Deed<T>, change: () => Promise<T>): Promise<T> {
  const { action, object, by, count = () => 1 } = deed
  const principal = await principalOf(services, by)
  const span = startTrace()
  const known = typeof object === 'string' ? object : null
  const note = (outcome: string, things: number, about = known) =>
    services.audit.record({ principal, action, object: about, count: things, outcome, traceId: span.traceId })
  return withinTrace(span, async () => {
    await note('asked', 1)
    let done: T
    try {
      done = await change()
    } catch (error) {
      // The failure is what has to be told, also where it cannot be written down.
      await note(toAppError(error).code, 0).catch(() => undefined)
      throw error
    }
    await note('ok', count(done), typeof object === 'function' ? object(done) : known).catch((cause: unknown) => {
      const { code, message } = toAppError(cause)
      throw new AppError(code, `It was done, and only the audit log does not say so: ${message}`, { cause })
    })
    return done
  })
}

/** Writes down that somebody asks to see something, without which it is not shown. */
export async function auditedRead(
  services: AuditServices,
  { action, object = null, by }: { readonly action: string; readonly object?: string | null; readonly by: string },
): Promise<void> {
  const principal = await principalOf(services, by)
  await services.audit.record({ principal, action, object, count: 1, outcome: 'ok', traceId: startTrace().traceId })
}
