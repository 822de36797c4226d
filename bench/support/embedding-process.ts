import { createEmbedHandler } from '../../src/consumers/embed.ts'
import type { Settings } from '../../src/config.ts'
import { openDualEncoder } from '../../src/models/dual-encoder.ts'
import { runHandler } from '../../src/roles/run-handler.ts'
import { openBenchServices } from './bench-services.ts'

/** What the process is started with, as JSON in its first argument. */
export type EmbeddingOrder = {
  /** Data folder of this process alone. */
  readonly folder: string
  readonly settings: Partial<Record<keyof Settings, string | number>>
  readonly model: string
  readonly generation: string
  readonly threads: number
}

export type EmbeddingReport = { readonly type: 'ready' } | { readonly type: 'failed'; readonly detail: string }

/** The program of an embedding process: the real consumer and drivers with a model that was not trained. It ends when it is told anything. */

const send = (report: EmbeddingReport) => new Promise<void>((resolve) => process.send?.(report, () => resolve()))
const fail = async (error: unknown) => {
  await send({ type: 'failed', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  process.exit(1)
}

async function embed({ folder, settings, model, generation, threads }: EmbeddingOrder): Promise<void> {
  const { services, close } = await openBenchServices(folder, settings)
  const { log, index, catalogue, blobs, clock, config, features } = services
  const encoder = await openDualEncoder(model, { threads, features })
  const partitions = await log.partitions('pairs')
  await index.create(generation, encoder.dimension)
  const consumer = runHandler(
    services,
    createEmbedHandler({ generation, encoder, catalogue, index, blobs, partitions, clock, batch: config.EMBED_BATCH }),
  )
  Promise.race([consumer.done, services.failed]).catch(fail)
  process.once('message', () => {
    void (async () => {
      await consumer.stop()
      await encoder.close()
      await close()
      process.exit()
    })().catch(fail)
  })
  await send({ type: 'ready' })
}

// A benchmark that was interrupted leaves nothing behind.
process.once('disconnect', () => process.exit(1))
embed(JSON.parse(process.argv[2] ?? '{}') as EmbeddingOrder).catch(fail)
