import { AppError } from '../../core/errors.ts'

/** Bytes taken of `maxBytes`; what is in use at first is counted when it is first asked for. */
export function createQuota(maxBytes: number, countUsed: () => Promise<number>) {
  let counted: Promise<void> | undefined
  let used = 0
  const count = (): Promise<void> =>
    (counted ??= countUsed().then(
      (bytes) => void (used += bytes),
      (error: unknown) => {
        counted = undefined
        throw error
      },
    ))

  return {
    /** Takes the bytes before they are written, so that writes side by side cannot pass the quota together. Throws `storage-full`. */
    async take(bytes: number): Promise<void> {
      await count()
      if (bytes > 0 && used + bytes > maxBytes) {
        throw new AppError('storage-full', `The quota of ${maxBytes} bytes is used up; raise it or delete something.`)
      }
      used += bytes
    },
    async give(bytes: number): Promise<void> {
      await count()
      used -= bytes
    },
  }
}
