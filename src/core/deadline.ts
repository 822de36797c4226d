import type { AppError } from './errors.ts'

/** What `work` gives, or what `late` makes once `milliseconds` have passed without it; the work itself is not stopped. */
export async function withDeadline<T>(work: Promise<T>, milliseconds: number, late: () => AppError): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), milliseconds)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}
