import { toAppError, type AppError } from './errors.ts'

/**
 * What `work` gives; null where it was refused or failed for reasons not understood, which `onRefused` is told. What is unavailable is
 * thrown: it may be waited for.
 */
export async function unlessRefused<T>(
  work: () => Promise<T>,
  onRefused: (error: AppError) => void,
): Promise<T | null> {
  try {
    return await work()
  } catch (thrown) {
    const error = toAppError(thrown)
    if (error.kind === 'unavailable') throw error
    onRefused(error)
    return null
  }
}
