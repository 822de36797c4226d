import type { Database } from '../../sqlite/database.ts'

/** Tells waiting consumers that there may be something to do. */
export interface WakeUp {
  /** Grows with every call; taken before looking for work, it makes sure that no call between looking and waiting is missed. */
  readonly calls: number
  call(): void
  /** Resolves at the first call after `seen`, or when the signal is raised. */
  after(seen: number, signal: AbortSignal): Promise<void>
  close(): void
}

/** How often the file is asked whether another process has written, in milliseconds. */
const POLL_INTERVAL = 50

/** Calls from this process wake at once; writes of other processes and connections are seen by polling SQLite's `data_version`. */
export function createWakeUp(database: Database): WakeUp {
  const waiting = new Set<() => void>()
  const statement = database.prepare<{ data_version: number }>('PRAGMA data_version')
  const dataVersion = (): number => statement.get()?.data_version ?? 0
  let calls = 0
  let known = dataVersion()
  let poll: NodeJS.Timeout | undefined

  const call = (): void => {
    calls++
    for (const wake of [...waiting]) wake()
  }

  const look = (): void => {
    try {
      const current = dataVersion()
      if (current === known) return
      known = current
    } catch {
      return // it cannot be read at this moment; the next look finds the change
    }
    call()
  }

  return {
    get calls() {
      return calls
    },
    call,
    after(seen, signal) {
      if (calls !== seen || signal.aborted) return Promise.resolve()
      poll ??= setInterval(look, POLL_INTERVAL).unref()
      return new Promise((resolve) => {
        const wake = (): void => {
          waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        waiting.add(wake)
        signal.addEventListener('abort', wake)
      })
    },
    close() {
      clearInterval(poll)
    },
  }
}
