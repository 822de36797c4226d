import { AppError } from '../core/errors.ts'

/** Throws `storage-full` for a full disk, and anything else as it is. */
export function toStorageFull(error: unknown): never {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  throw new AppError('storage-full', 'The disk for trainings is full; free some space and go on.', { cause: error })
}
