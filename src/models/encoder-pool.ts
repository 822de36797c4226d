import { unlessStopped } from '../core/stop.ts'
import type { Encoder } from '../ports/encoder.ts'

export type EncoderPool = {
  /**
   * The encoder of a model version, shared by all who have it open; it is closed when the last of them closes theirs. Fetching a model
   * may take minutes: whoever raises `signal` gets `not-ready` at once instead.
   */
  open(modelVersion: string, signal?: AbortSignal): Promise<Encoder>
}

type Shared = { readonly encoder: Promise<Encoder>; holders: number }

/** Opens each model once, however many generations, searches and judges use it at a time. */
export function createEncoderPool(openEncoder: (modelVersion: string) => Promise<Encoder>): EncoderPool {
  const shared = new Map<string, Shared>()

  const begin = (modelVersion: string): Shared => {
    const entry = { encoder: openEncoder(modelVersion), holders: 0 }
    shared.set(modelVersion, entry)
    // A model that could not be opened is tried again by the next who asks.
    entry.encoder.catch(() => {
      if (shared.get(modelVersion) === entry) shared.delete(modelVersion)
    })
    return entry
  }

  const leave = async (modelVersion: string, entry: Shared): Promise<void> => {
    entry.holders--
    if (entry.holders > 0) return
    if (shared.get(modelVersion) === entry) shared.delete(modelVersion)
    await (await entry.encoder).close()
  }

  return {
    async open(modelVersion, signal) {
      const entry = shared.get(modelVersion) ?? begin(modelVersion)
      entry.holders++
      try {
        const encoder = await unlessStopped(entry.encoder, signal)
        let closed = false
        return {
          ...encoder,
          async close() {
            if (closed) return
            closed = true
            await leave(modelVersion, entry)
          },
        }
      } catch (error) {
        // Nobody may wait for it any more by the time that it is open.
        leave(modelVersion, entry).catch(() => undefined)
        throw error
      }
    },
  }
}
