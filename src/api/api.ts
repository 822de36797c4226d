import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { compress } from 'hono/compress'
import { cors } from 'hono/cors'
import { AppError } from '../core/errors.ts'
import { routePermissions, type NeedsOf } from './access/route-permissions.ts'
import type { ApiDependencies, Audited } from './dependencies.ts'
import { failureHandler, invalidRequest, nothingHere } from './failures.ts'
import { admit } from './middleware/admit.ts'
import { audited } from './middleware/audited.ts'
import { authorise } from './middleware/authorise.ts'
import { findClient } from './middleware/find-client.ts'
import { observe } from './middleware/observe.ts'
import { createRateLimits, limitAddress, limitPrincipal } from './middleware/rate-limit.ts'
import { permit } from './middleware/permit.ts'
import { readableQuery } from './middleware/readable-query.ts'
import { requestId } from './middleware/request-id.ts'
import { sameSite } from './middleware/same-site.ts'
import { securityHeaders } from './middleware/security-headers.ts'
import { trace, type ApiEnvironment } from './middleware/trace.ts'
import { auditRoutes } from './routes/audit.ts'
import { clipRetrievalRoutes } from './routes/clip-retrieval.ts'
import { docsRoutes } from './routes/docs.ts'
import { feedbackRoutes } from './routes/feedback.ts'
import { healthRoutes } from './routes/health.ts'
import { imageRoutes } from './routes/images.ts'
import { modelRoutes } from './routes/models.ts'
import { pageRoutes } from './routes/page.ts'
import { pairRoutes } from './routes/pairs.ts'
import { plainRoutes } from './routes/plain.ts'
import { searchRoutes } from './routes/search.ts'
import { sessionRoutes } from './routes/session.ts'
import { statusRoutes } from './routes/status.ts'
import { subjectRoutes } from './routes/subjects.ts'

/** Headers of answers that a page of an allowed origin may read. */
const exposed = ['ETag', 'Location', 'Retry-After', 'Traceparent', 'X-Request-Id']

const DEFAULT_MAX_BODY_BYTES = 25 * 1024 * 1024

/** The HTTP API and the search page over the ports and functions given; serves nothing by itself (see `startServer`). */
export function createApi(deps: ApiDependencies): OpenAPIHono<ApiEnvironment> {
  const maxSize = deps.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES
  const app = new OpenAPIHono<ApiEnvironment>({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(result.error)
    },
  })
  const tooLarge = () => {
    throw new AppError(
      'payload-too-large',
      `A request may have ${maxSize} bytes; send fewer pairs at once or smaller pictures.`,
    )
  }
  const { access, audit, logger } = deps
  const limits = createRateLimits(deps.rateLimits, deps.clock)
  // Known once all routes are there, which is before the first request.
  let needsOfRoutes: NeedsOf = () => []
  const needsOf: NeedsOf = (context) => needsOfRoutes(context)
  const origins = deps.corsOrigins ?? []
  app.use(trace(), requestId(), observe(deps.metrics), compress({ encoding: 'gzip' }))
  if (origins.length > 0) app.use(cors({ origin: [...origins], exposeHeaders: exposed, maxAge: 600 }))
  app.use(securityHeaders(), sameSite(origins), readableQuery())
  app.use(findClient(deps.trustedProxies), limitAddress(limits, access))
  const onForbidden = (refusal: Audited): void => {
    audit.record(refusal).catch((error: unknown) => logger?.warn({ err: error }, 'a refusal is not in the audit log'))
  }
  app.use(authorise({ access, needsOf, failures: limits.failures }), limitPrincipal(limits, needsOf))
  app.use(permit(needsOf, onForbidden))
  app.use(admit(deps.work, needsOf), bodyLimit({ maxSize, onError: tooLarge }), audited(audit, needsOf, logger))
  const resources = [
    searchRoutes,
    feedbackRoutes,
    subjectRoutes,
    pairRoutes,
    imageRoutes,
    modelRoutes,
    statusRoutes,
    healthRoutes,
    plainRoutes,
    sessionRoutes,
    auditRoutes,
    clipRetrievalRoutes,
  ]
  for (const routes of resources) app.route('/', routes(deps))
  app.route('/', docsRoutes(app, deps.version))
  if (deps.webFolder !== null) app.route('/', pageRoutes(deps.webFolder))
  needsOfRoutes = routePermissions(app)
  app.onError(failureHandler(deps))
  app.notFound(nothingHere(app))
  return app
}
