import { HubAway } from './hub-away.ts'

/** Ends a request that the other side has fallen silent on. */
export type SilenceWatch = {
  /** For the request; raised by silence, or by the signal the watch was made with. */
  readonly signal: AbortSignal
  /** Waits for something of the other side, at most as long as it may be silent. Throws `HubAway` past that. */
  during<T>(work: Promise<T>): Promise<T>
}

/** `milliseconds` is how long the other side may send nothing. Time that the reader takes itself does not count. */
export function watchSilence(milliseconds: number, stop: AbortSignal): SilenceWatch {
  const silent = new AbortController()
  return {
    signal: AbortSignal.any([stop, silent.signal]),
    async during(work) {
      const timer = setTimeout(() => silent.abort(), milliseconds)
      try {
        return await work
      } catch (cause) {
        if (!silent.signal.aborted || stop.aborted) throw cause
        throw new HubAway(`The hub sent nothing for ${milliseconds / 1000} s.`, null, { cause })
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
