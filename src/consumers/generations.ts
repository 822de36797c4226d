import type { Catalogue } from '../catalogue/catalogue.ts'
import { embedGroup } from '../core/consumer-groups.ts'
import { viewReleases } from '../core/release-chain.ts'
import { requireGoing } from '../core/stop.ts'
import type { Encoder } from '../ports/encoder.ts'
import type { Consumer, EventLog } from '../ports/event-log.ts'
import type { VectorIndex } from '../ports/vector-index.ts'

export type GenerationsDependencies = {
  readonly catalogue: Catalogue
  readonly log: EventLog
  readonly index: VectorIndex
  readonly openEncoder: (modelVersion: string, signal: AbortSignal | undefined) => Promise<Encoder>
  /** Starts the group that alone writes this generation. */
  readonly startEmbedding: (generation: string, encoder: Encoder) => Consumer
  /** How long after its retirement a generation is deleted, in milliseconds: replicas may still read it. */
  readonly retirementDelay: number
  readonly clock: () => number
}

type Running = { readonly consumer: Consumer; readonly encoder: Encoder }

type Generations = {
  /** Starts and stops groups so that each live generation has one; true when something changed. `signal` ends it between two of them. */
  step(signal?: AbortSignal): Promise<boolean>
  /** Rejects when a group ends that should not. */
  readonly failed: Promise<never>
  stop(): Promise<void>
}

/** Keeps a consumer group for every live generation, from offset zero until it is retired. */
export function createGenerations(deps: GenerationsDependencies): Generations {
  const running = new Map<string, Running>()
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => (fail = reject))
  failed.catch(() => undefined)

  const start = async (generation: string, modelVersion: string, signal: AbortSignal | undefined): Promise<void> => {
    const encoder = await deps.openEncoder(modelVersion, signal)
    try {
      await deps.index.create(generation, encoder.dimension)
      requireGoing(signal) // the groups may have been stopped meanwhile
      const consumer = deps.startEmbedding(generation, encoder)
      consumer.done.catch(fail)
      running.set(generation, { consumer, encoder })
    } catch (error) {
      await encoder.close()
      throw error
    }
  }

  const end = async (generation: string): Promise<void> => {
    const group = running.get(generation)
    running.delete(generation)
    await group?.consumer.stop()
    await group?.encoder.close()
  }

  const deleteRetired = async (): Promise<boolean> => {
    const { retired, live } = viewReleases(deps.catalogue.releases())
    const due = new Set(
      retired
        .filter(({ decidedAt }) => deps.clock() - decidedAt >= deps.retirementDelay)
        .flatMap(({ generation }) => (generation === null || live.has(generation) ? [] : [generation])),
    )
    const stored = (await deps.index.generations()).filter(({ generation }) => due.has(generation))
    for (const { generation } of stored) {
      // The points last: as long as they are there, whoever comes after a crash knows that this is not done.
      await deps.log.deleteGroup(embedGroup(generation))
      await deps.index.drop(generation)
    }
    return stored.length > 0
  }

  return {
    failed,
    async step(signal) {
      const { live } = viewReleases(deps.catalogue.releases())
      const toStart = [...live].filter(([generation]) => !running.has(generation))
      const toEnd = [...running.keys()].filter((generation) => !live.has(generation))
      const failures: unknown[] = []
      for (const generation of toEnd) await end(generation)
      for (const [generation, modelVersion] of toStart) {
        // A model that cannot be opened holds up its own generation only.
        await start(generation, modelVersion, signal).catch((error: unknown) => failures.push(error))
      }
      requireGoing(signal)
      const deleted = await deleteRetired()
      if (failures.length > 0) throw failures[0]
      return deleted || toStart.length + toEnd.length > 0
    },
    async stop() {
      await Promise.all([...running.keys()].map(end))
    },
  }
}
