import type { CurrentRelease } from '../catalogue/catalogue.ts'
import { AppError } from '../core/errors.ts'
import type { ReleaseRecord } from '../core/events.ts'
import type { Encoder } from '../ports/encoder.ts'

/** What answers a request: one release's model and generation, taken together and kept for the whole request. */
export type Served = {
  readonly release: ReleaseRecord
  readonly modelVersion: string
  readonly generation: string
  readonly encoder: Encoder
}

export interface Serving {
  /**
   * Serves this release from the next request on; `null` serves none. The encoder is opened first, so a model that cannot
   * be opened leaves the one before in place and rejects, and so does `signal` with `not-ready`. Calls take effect in their order.
   */
  switchTo(current: CurrentRelease | null, signal?: AbortSignal): Promise<void>
  /** Runs `body` with what is served now; a switch during it changes nothing for it. Throws `no-model`. */
  hold<T>(body: (served: Served) => Promise<T>): Promise<T>
  current(): CurrentRelease | null
  /** Serves nothing and resolves once every encoder is closed. */
  close(): Promise<void>
}

/** An encoder and the requests that hold it; closed when nobody serves it and the last of them has ended. */
type Lease = { readonly encoder: Encoder; readonly closed: Promise<void>; hold(): () => void; retire(): void }

function createLease(encoder: Encoder, onCloseFailed: (error: unknown) => void): Lease {
  let holders = 0
  let retired = false
  let settle: () => void = () => undefined
  const closed = new Promise<void>((resolve) => (settle = resolve))
  const closeIfUnused = (): void => {
    if (retired && holders === 0) void encoder.close().catch(onCloseFailed).finally(settle)
  }
  return {
    encoder,
    closed,
    hold() {
      holders++
      return () => {
        holders--
        closeIfUnused()
      }
    },
    retire() {
      retired = true
      closeIfUnused()
    },
  }
}

export function createServing(deps: {
  openEncoder: (modelVersion: string, signal?: AbortSignal) => Promise<Encoder>
  /** Told when an old encoder could not be closed; nobody waits for that. */
  onCloseFailed?: (error: unknown) => void
}): Serving {
  // Model and generation live in one value and change by one assignment: no reader can see half of a switch.
  let serving: { readonly served: Served; readonly lease: Lease } | null = null
  let lastSwitch: Promise<void> = Promise.resolve()
  const open = new Set<Promise<void>>()

  const openLease = async (modelVersion: string, signal: AbortSignal | undefined): Promise<Lease> => {
    const encoder = await deps.openEncoder(modelVersion, signal)
    const lease = createLease(encoder, deps.onCloseFailed ?? (() => undefined))
    open.add(lease.closed)
    void lease.closed.then(() => open.delete(lease.closed))
    return lease
  }

  const change = async (current: CurrentRelease | null, signal: AbortSignal | undefined): Promise<void> => {
    const before = serving
    if (current === null) {
      serving = null
    } else {
      const { release, modelVersion, generation } = current
      const lease = before?.served.modelVersion === modelVersion ? before.lease : await openLease(modelVersion, signal)
      serving = { served: { release, modelVersion, generation, encoder: lease.encoder }, lease }
    }
    if (before !== null && before.lease !== serving?.lease) before.lease.retire()
  }

  const switchTo = (current: CurrentRelease | null, signal?: AbortSignal): Promise<void> => {
    const turn = lastSwitch.then(() => change(current, signal))
    lastSwitch = turn.catch(() => undefined)
    return turn
  }

  return {
    switchTo,
    async hold(body) {
      if (serving === null) {
        throw new AppError('no-model', 'Full text search (mode "text") works until the first model is released.')
      }
      const { served, lease } = serving
      const release = lease.hold()
      try {
        return await body(served)
      } finally {
        release()
      }
    },
    current() {
      if (serving === null) return null
      const { release, modelVersion, generation } = serving.served
      return { release, modelVersion, generation }
    },
    async close() {
      await switchTo(null)
      await Promise.all(open)
    },
  }
}
