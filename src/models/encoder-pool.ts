import type { Encoder } from '../ports/encoder.ts'

export type EncoderPool = {
  /** The encoder of a model version, shared by all who have it open; it is closed when the last of them closes theirs. */
  open(modelVersion: string): Promise<Encoder>
}

type Shared = { readonly encoder: Promise<Encoder>; holders: number }

/** Opens each model once, however many generations, searches and judges use it at a time. */
export function createEncoderPool(openEncoder: (modelVersion: string) => Promise<Encoder>): EncoderPool {
  const shared = new Map<string, Shared>()

  const leave = async (modelVersion: string, entry: Shared): Promise<void> => {
    entry.holders--
    if (entry.holders > 0) return
    if (shared.get(modelVersion) === entry) shared.delete(modelVersion)
    await (await entry.encoder).close()
  }

  return {
    async open(modelVersion) {
      const entry = shared.get(modelVersion) ?? { encoder: openEncoder(modelVersion), holders: 0 }
      shared.set(modelVersion, entry)
      entry.holders++
      try {
        const encoder = await entry.encoder
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
        entry.holders--
        // A model that could not be opened is tried again by the next who asks.
        if (shared.get(modelVersion) === entry) shared.delete(modelVersion)
        throw error
      }
    },
  }
}
