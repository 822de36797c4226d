import { requestRetraining } from '../../src/roles/commands.ts'
import type { Services } from '../../src/roles/services.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import { openBenchServices } from './bench-services.ts'
import { closedLoops } from './closed-loops.ts'
import { heldOutCaptions } from './real-vectors.ts'
import type { ServingOrder, ServingReport, ServingRequest } from './serving-messages.ts'

/** The program of the serving process: the real roles over a data folder, and searches by direct call on demand. */

const send = (report: ServingReport) => new Promise<void>((resolve) => process.send?.(report, () => resolve()))
const fail = async (error: unknown) => {
  await send({ type: 'failed', detail: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  process.exit(1)
}

async function servedModel({ catalogue, models }: Services): Promise<string> {
  const current = catalogue.currentRelease()
  const manifest = current === null ? null : catalogue.model(current.modelVersion)?.manifest
  if (manifest == null) throw new Error('The data folder has no model that serves.')
  return models.open(manifest)
}

async function serve({ folder, roles, settings, queries }: ServingOrder): Promise<void> {
  const { services, close } = await openBenchServices(folder, settings)
  let isTraining = false
  const running = await startRoles(services, roles, {
    onProgress() {
      if (!isTraining) void send({ type: 'training' })
      isTraining = true
    },
    onTrained() {
      void send({ type: 'trained' })
    },
  })
  Promise.race([running.failed, services.failed]).catch(fail)

  const search = (text: string) =>
    services.search.search({
      input: { kind: 'text', text },
      target: 'images',
      mode: 'vector',
      limit: 10,
      offset: 0,
      filter: {},
    })

  const answer = async (request: ServingRequest): Promise<void> => {
    switch (request.type) {
      case 'search': {
        const call = async (query: string): Promise<void> => {
          await search(query)
        }
        await send({
          type: 'searched',
          milliseconds: await closedLoops(request.queries, request.clients, request.milliseconds, call),
        })
        break
      }
      case 'train':
        await requestRetraining(services, 'manual', 'bench')
        break
      case 'stop':
        await running.stop()
        await close()
        process.exit()
    }
  }
  process.on('message', (request) => void answer(request as ServingRequest).catch(fail))

  const { images, pairs } = services.catalogue.counts()
  await send({
    type: 'ready',
    address: running.address ?? '',
    queries: heldOutCaptions(services.catalogue, queries),
    images,
    pairs,
    model: await servedModel(services),
  })
}

// A benchmark that was interrupted leaves nothing behind.
process.once('disconnect', () => process.exit(1))
serve(JSON.parse(process.argv[2] ?? '{}') as ServingOrder).catch(fail)
