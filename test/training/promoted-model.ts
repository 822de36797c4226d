import { modelVersionOf, releaseIdOf } from '../../src/core/ids.ts'
import type { RetrainingRequested } from '../../src/core/events.ts'
import type { Services } from '../../src/roles/services.ts'
import { topicValues } from '../fixtures/topic-values.ts'

/** Says in the log that the model of a request was trained and promoted, ten milliseconds after it was asked for; resolves to when, and which. */
export async function promoted(
  { log, catalogue }: Pick<Services, 'log' | 'catalogue'>,
  { requestId, requestedAt }: RetrainingRequested,
  manifest: string,
) {
  const modelVersion = modelVersionOf(requestId)
  const trained = { ...topicValues['models.trained'], requestId, modelVersion, outcome: 'trained', manifest }
  await log.append([{ topic: 'models.trained', key: modelVersion, value: trained }])
  const releaseId = releaseIdOf(null, 'promoted', modelVersion)
  const decidedAt = requestedAt + 10
  const release = { releaseId, follows: null, state: 'promoted', modelVersion, generation: 'g1' } as const
  const value = { ...release, reason: 'better', evidence: null, decidedAt }
  await log.append([{ topic: 'releases', key: releaseId, value }])
  await catalogue.caughtUp(log)
  return { modelVersion, decidedAt }
}
