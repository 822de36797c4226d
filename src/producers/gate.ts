import { AppError } from '../core/errors.ts'

/**
 * Lets at most `width` bodies run at once; the others wait in the order in which they came. Where `most` wait already, the next
 * throws `publish-unconfirmed` at once: a queue that only grows answers nobody in time.
 */
export function createGate(width: number, most: number): <T>(body: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = width
  return async (body) => {
    if (free === 0 && waiting.length >= most) {
      throw new AppError('publish-unconfirmed', `${most} publications wait already; send it again in a moment.`)
    }
    // A place is handed on rather than given back, so that nobody who comes later slips in between.
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await body()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
