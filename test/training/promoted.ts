import { randomUUID } from 'node:crypto'
import type { RetrainingRequested } from '../../src/core/events.ts'
import { modelVersionOf, releaseIdOf } from '../../src/core/ids.ts'
import type { Services } from '../../src/roles/services.ts'
import { topicValues } from '../fixtures/topic-values.ts'

/** Notes that a request was answered with this model and that it serves; another request, made after that. */
export async function promoted(
  { catalogue, log }: Pick<Services, 'catalogue' | 'log'>,
  request: RetrainingRequested,
  manifest: string,
): Promise<{ readonly parent: string; readonly later: RetrainingRequested }> {
  const { requestId } = request
  const parent = modelVersionOf(requestId)
  const trained = { ...topicValues['models.trained'], requestId, modelVersion: parent, outcome: 'trained', manifest }
  await log.append([{ topic: 'models.trained', key: parent, value: trained }])
  const releaseId = releaseIdOf(null, 'promoted', parent)
  const release = { releaseId, follows: null, state: 'promoted', modelVersion: parent, generation: 'g1' } as const
  const decidedAt = request.requestedAt + 10
  const value = { ...release, reason: 'better', evidence: null, decidedAt }
  await log.append([{ topic: 'releases', key: releaseId, value }])
  await catalogue.caughtUp(log)
  return { parent, later: { ...request, requestId: randomUUID(), requestedAt: decidedAt + 1 } }
}
