import { createApi } from '../api/api.ts'
import { createQueryLog, type QueryLog } from '../api/query-log.ts'
import { createProbe } from '../api/probe.ts'
import { startServer, type RunningServer } from '../api/server.ts'
import { builtWebFolder } from '../bootstrap.ts'
import { originsIn, type Role } from '../config.ts'
import { counterState } from '../consumers/retraining-request.ts'
import { programVersion } from '../program.ts'
import { erasePair, recordFeedback, requestRetraining, trainingProgress } from './commands.ts'
import { createCatalogueReadiness } from './catalogue-readiness.ts'
import { inTime, missingDependencies, PATIENCE } from './dependencies.ts'
import { listening, type Front } from './front.ts'
import { consumerLag, lagByGroup, type Lag } from './lag.ts'
import { privateNames } from './private-names.ts'
import { never, type RunningRole } from './role.ts'
import type { Services } from './services.ts'
import { eraseSubject, subjectData } from './subjects.ts'

/** Serves the API and the search page, through `front` or a server of its own; `address` is where. Throws `model-invalid` for a wrong RERANKER_DIR. */
export async function startApiRole(
  services: Services,
  front?: Front,
): Promise<RunningRole & { readonly address: string }> {
  const { config, metrics, logger, publisher, serving, search, catalogue, log, blobs, access, audit, clock } = services
  await services.reranker.prepare()
  const queries = config.QUERY_LOG === 'on' ? await openQueryLog(services) : null
  const app = createApi({
    serving,
    search: queries?.around(search) ?? search,
    catalogue,
    log,
    blobs,
    publish: (entry) => publisher.publish(entry),
    erase: (pairId, requestedBy) => erasePair(services, pairId, requestedBy, PATIENCE),
    subjectData: (subject, signal) => subjectData(services, subject, PATIENCE, signal),
    eraseSubject: (subject, requestedBy) => eraseSubject(services, subject, requestedBy, PATIENCE),
    recordFeedback: (feedback) => recordFeedback(services, feedback),
    requestRetraining: (requestedBy) => requestRetraining(services, 'manual', requestedBy, PATIENCE),
    progress: () => trainingProgress(services),
    lag: async () => lagByGroup(await lagInTime(services)),
    reasonsNotReady: catalogueReadiness(services),
    missing: () => missingDependencies(services, ['api']),
    registry: scraped(services),
    access,
    audit,
    rateLimits: {
      reads: config.RATE_LIMIT_READS,
      changes: config.RATE_LIMIT_CHANGES,
      address: config.RATE_LIMIT_ADDRESS,
      failures: config.RATE_LIMIT_FAILURES,
    },
    work: { atOnce: config.MAX_REQUESTS, longest: config.REQUEST_SECONDS * 1_000 },
    trustedProxies: config.access.trustedProxies,
    clock,
    webFolder: builtWebFolder(),
    version: programVersion(),
    corsOrigins: config.CORS_ORIGINS === undefined ? [] : originsIn(config.CORS_ORIGINS),
    metrics: {
      requested: ({ method, route, status, seconds }) =>
        metrics.httpRequestSeconds.observe({ method, route, status: String(status) }, seconds),
    },
    logger,
  })
  // What was answered is kept, too.
  const stop = async (front: () => Promise<void>): Promise<void> => {
    await front()
    await queries?.close()
  }
  if (front !== undefined) {
    front.show(app)
    return { address: front.address, failed: never, stop: () => stop(() => front.stop()) }
  }
  const server: RunningServer = await startServer(app, listening(config))
  return { address: server.address, failed: never, stop: () => stop(() => server.stop()) }
}

/** Throws `configuration-invalid` where the names that PRIVATE_NAMES lists cannot be read. */
async function openQueryLog({ config, log, metrics, logger, clock }: Services): Promise<QueryLog> {
  return createQueryLog({
    log,
    clock,
    names: await privateNames(config.PRIVATE_NAMES),
    onDropped: (count) => metrics.queriesDropped.inc({}, count),
    onFailed: (error) => logger.warn({ err: error }, 'queries cannot be kept now; searches are answered'),
  })
}

/** What a process without the API answers: whether its roles can work, and its metrics. */
export function showProbe(services: Services, roles: readonly Role[], front: Front): void {
  const behind = catalogueReadiness(services)
  const reasonsNotReady = async () => (await Promise.all([missingDependencies(services, roles), behind()])).flat()
  front.show(createProbe({ reasonsNotReady, registry: scraped(services), access: services.access }))
}

/** Cut off from the log for longer than half the time that a retired generation is kept, a process may serve one that is gone. */
const catalogueReadiness = (services: Services) =>
  createCatalogueReadiness({ ...services, mayBeCutOff: (services.config.RETIREMENT_SECONDS * 1_000) / 2 })

const scraped = (services: Services) => {
  const lag = createLagGauge(services)
  return {
    contentType: services.metrics.contentType,
    async metrics() {
      await observeNow(services, lag)
      return services.metrics.text()
    },
  }
}

/** Throws `log-unavailable` rather than hold up who asks. */
const lagInTime = ({ log, catalogue }: Services): Promise<readonly Lag[]> =>
  inTime(consumerLag(log, catalogue), 'log-unavailable')

/** The lags for a scrape; none while the log does not tell them, which is said once each time that it begins. */
function createLagGauge(services: Services): () => Promise<readonly Lag[]> {
  let isTold = false
  return async () => {
    try {
      const lags = await lagInTime(services)
      isTold = false
      return lags
    } catch (error) {
      if (!isTold) services.logger.warn({ err: error }, 'how far consumers are behind is not known now')
      isTold = true
      return []
    }
  }
}

/** Sets the gauges that are read off the state when somebody scrapes. */
async function observeNow({ metrics, catalogue, config }: Services, lag: () => Promise<readonly Lag[]>): Promise<void> {
  const { base, fresh } = counterState(catalogue)
  metrics.dataSetPairs.set({}, base + fresh)
  metrics.dataSetNewPairs.set({}, fresh)
  metrics.retrainingThreshold.set({}, config.RETRAIN_THRESHOLD)
  for (const { reason, requestedAt } of catalogue.requests())
    metrics.retrainingRequested.set({ reason }, requestedAt / 1_000)
  // What else there is to scrape is worth having while the log is away.
  const lags = await lag()
  // A group that is gone since the last scrape is behind with nothing, and one that is not known now is not as it was.
  metrics.logLagRecords.reset()
  for (const { group, topic, records } of lags) metrics.logLagRecords.set({ group, topic }, records)
}
