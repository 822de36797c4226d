import { AppError } from '../core/errors.ts'

type GateLimits = {
  /** How many bodies run at once. */
  readonly width: number
  /** How many others may wait. */
  readonly most: number
  /** How many bytes they may hold meanwhile, all together. */
  readonly mostBytes: number
  /** How long each of them waits, in milliseconds. */
  readonly deadline: number
}

/** Runs the body once it is its turn. `bytes` is what it holds in memory until then. */
type Gate = <T>(body: () => Promise<T>, bytes: number) => Promise<T>

const refused = (detail: string): AppError => new AppError('publish-unconfirmed', detail)

/**
 * Lets at most `width` bodies run at once; the others wait in the order in which they came. One that comes when too many or too much
 * waits already, and one that waits too long, throws `publish-unconfirmed` and never runs: a queue that only grows answers nobody in
 * time.
 */
export function createGate({ width, most, mostBytes, deadline }: GateLimits): Gate {
  const waiting = new Set<() => void>()
  let waitingBytes = 0
  let free = width

  const turn = (bytes: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer)
        waiting.delete(enter)
        waitingBytes -= bytes
      }
      const enter = (): void => {
        leave()
        resolve()
      }
      const timer = setTimeout(() => {
        leave()
        reject(refused('Its turn did not come in time; send it again in a moment.'))
      }, deadline)
      waiting.add(enter)
      waitingBytes += bytes
    })

  return async (body, bytes) => {
    // A place is handed on rather than given back, so that nobody who comes later slips in between.
    if (free > 0) free -= 1
    else if (waiting.size >= most || waitingBytes + bytes > mostBytes)
      throw refused('Too many publications wait already; send it again in a moment.')
    else await turn(bytes)
    try {
      return await body()
    } finally {
      const [next] = waiting
      if (next === undefined) free += 1
      else next()
    }
  }
}
