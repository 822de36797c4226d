import { AppError } from '../../../core/errors.ts'
import type { KafkaLogOptions } from './options.ts'
import { fieldOf, PATIENCE } from './registry-client.ts'
import { registryAway, startFailure } from './registry-failures.ts'

type Registry = KafkaLogOptions['registry']
type Answer = { readonly status: number; readonly body: unknown }

/** Any version of a schema reads what any other has written. */
export const LEVEL = 'FULL_TRANSITIVE'

/**
 * The compatibility level that holds for a subject; null where none is set. Throws `configuration-invalid` for a refusal,
 * `log-unavailable`. The package reads a level only to register something, and to look must change nothing; hence requests of our
 * own (`/config/{subject}` of Confluent's API, version 7).
 */
export async function levelOf(registry: Registry, subject: string): Promise<string | null> {
  const answer = await ask(registry, subject, 'GET')
  if (answer.status === 404) return null
  if (answer.status >= 400) throw refusal(answer, `does not tell the compatibility of ${subject}`)
  const level = fieldOf(answer.body, 'compatibilityLevel')
  if (typeof level === 'string') return level
  throw registryAway(new Error('no compatibilityLevel in the answer'))
}

/** What to do about another level; empty for the right one, and for none, which a start sets. */
export const levelFault = (level: string | null, subject: string): string =>
  level === null || level === LEVEL
    ? ''
    : `The schema registry has compatibility ${level} for ${subject}; set it to ${LEVEL}.`

/**
 * Sets the level of a subject that has none; throws as `levelOf` does, and `configuration-invalid` for another level, which stays.
 * The package sets it too, but after the first schema: some registries (Apicurio's) then tell a start in between, or the next one
 * after a crash in between, the level that holds for all subjects as if it were this one's, and the package refuses that.
 */
export async function requireLevel(registry: Registry, subject: string): Promise<void> {
  const level = await levelOf(registry, subject)
  if (level === LEVEL) return
  if (level !== null) throw new AppError('configuration-invalid', levelFault(level, subject))
  const answer = await ask(registry, subject, 'PUT', { compatibility: LEVEL })
  // Two that set it at once may be told of a conflict; it is set all the same.
  if (answer.status >= 400 && (await levelOf(registry, subject)) !== LEVEL) {
    throw refusal(answer, `does not set the compatibility of ${subject}`)
  }
}

function refusal({ status, body }: Answer, what: string): Error {
  const message = fieldOf(body, 'message')
  return startFailure(
    Object.assign(new Error(typeof message === 'string' ? message : `status ${status}`), { status }),
    what,
  )
}

async function ask(registry: Registry, subject: string, method: 'GET' | 'PUT', body?: object): Promise<Answer> {
  const { url, username, password } = registry
  const credentials = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')
  try {
    const answer = await fetch(`${url.replace(/\/+$/, '')}/config/${encodeURIComponent(subject)}`, {
      method,
      headers: {
        'content-type': 'application/vnd.schemaregistry.v1+json',
        ...(username == null ? {} : { authorization: `Basic ${credentials}` }),
      },
      signal: AbortSignal.timeout(PATIENCE),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: await answer.json().catch(() => null) }
  } catch (error) {
    throw registryAway(error)
  }
}
