import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { AppError } from '../core/errors.ts'
import type { ApiDependencies } from './dependencies.ts'
import { failureHandler, invalidRequest, nothingHere } from './failures.ts'
import { observe } from './middleware/observe.ts'
import { readableQuery } from './middleware/readable-query.ts'
import { sameSite } from './middleware/same-site.ts'
import { securityHeaders } from './middleware/security-headers.ts'
import { trace, type ApiEnvironment } from './middleware/trace.ts'
import { docsRoutes } from './routes/docs.ts'
import { feedbackRoutes } from './routes/feedback.ts'
import { healthRoutes } from './routes/health.ts'
import { imageRoutes } from './routes/images.ts'
import { modelRoutes } from './routes/models.ts'
import { pageRoutes } from './routes/page.ts'
import { pairRoutes } from './routes/pairs.ts'
import { plainRoutes } from './routes/plain.ts'
import { searchRoutes } from './routes/search.ts'
import { statusRoutes } from './routes/status.ts'
import { subjectRoutes } from './routes/subjects.ts'

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
  app.use(trace(), observe(deps.metrics), securityHeaders(), sameSite(), readableQuery())
  app.use(bodyLimit({ maxSize, onError: tooLarge }))
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
  ]
  for (const routes of resources) app.route('/', routes(deps))
  app.route('/', docsRoutes(app, deps.version))
  if (deps.webFolder !== null) app.route('/', pageRoutes(deps.webFolder))
  app.onError(failureHandler(deps))
  app.notFound(nothingHere(app))
  return app
}
