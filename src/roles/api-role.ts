import { createApi } from '../api/api.ts'
import { startServer, type RunningServer } from '../api/server.ts'
import { builtWebFolder } from '../bootstrap.ts'
import { counterState } from '../consumers/retraining-request.ts'
import { programVersion } from '../program.ts'
import { erasePair, requestRetraining, trainingProgress } from './commands.ts'
import { createCatalogueReadiness } from './catalogue-readiness.ts'
import { consumerLag } from './lag.ts'
import type { RunningRole } from './role.ts'
import type { Services } from './services.ts'

/** Serves the API and the search page; `address` is where. */
export async function startApiRole(services: Services): Promise<RunningRole & { readonly address: string }> {
  const { config, metrics, logger, publisher, serving, search, catalogue, log, blobs, clock } = services
  const app = createApi({
    serving,
    search,
    catalogue,
    log,
    blobs,
    async publish(entry) {
      const outcome = await publisher.publish(entry)
      if (outcome.outcome === 'accepted') metrics.pairsPublished.inc({}, 1)
      return outcome
    },
    erase: (pairId, requestedBy) => erasePair(services, pairId, requestedBy),
    requestRetraining: (requestedBy) => requestRetraining(services, 'manual', requestedBy),
    progress: () => trainingProgress(services),
    lag: async () => Object.fromEntries((await consumerLag(log)).map(({ group, records }) => [group, records])),
    reasonsNotReady: createCatalogueReadiness({ catalogue, log, clock }),
    registry: {
      contentType: metrics.contentType,
      async metrics() {
        await observeNow(services)
        return metrics.text()
      },
    },
    webFolder: builtWebFolder(),
    version: programVersion(),
    metrics: {
      requested: ({ method, route, status, seconds }) =>
        metrics.httpRequestSeconds.observe({ method, route, status: String(status) }, seconds),
    },
    logger,
  })
  const server: RunningServer = await startServer(app, { host: config.HOST, port: config.PORT })
  return { address: server.address, failed: new Promise(() => undefined), stop: () => server.stop() }
}

/** Sets the gauges that are read off the state when somebody scrapes. */
async function observeNow({ metrics, catalogue, log, config }: Services): Promise<void> {
  const { base, fresh } = counterState(catalogue)
  metrics.dataSetPairs.set({}, base + fresh)
  metrics.dataSetNewPairs.set({}, fresh)
  metrics.retrainingThreshold.set({}, config.RETRAIN_THRESHOLD)
  for (const { group, topic, records } of await consumerLag(log)) metrics.logLagRecords.set({ group, topic }, records)
}
