import { AppError } from '../../../core/errors.ts'
import type { AvroSchema } from '../avro-bounds.ts'
import type { KafkaLogOptions } from './options.ts'

/** A registry with Confluent's REST interface (its API reference, version 7). */
export interface SchemaRegistry {
  /** Throws `configuration-invalid` where the registry does not take the level. */
  requireCompatibility(subject: string, level: 'FULL_TRANSITIVE'): Promise<void>
  /** The level that holds for the subject; null where none was set for it. */
  compatibility(subject: string): Promise<string | null>
  /** The id of the schema, which is registered unless it is already. Throws `configuration-invalid` with the registry's reason. */
  register(subject: string, schema: AvroSchema): Promise<number>
  /** Null for an id that the registry does not know, and for a schema that is not Avro; a refusal is `log-unavailable` too. */
  schema(id: number): Promise<AvroSchema | null>
}

const PATIENCE = 5_000
const JSON_TYPE = 'application/vnd.schemaregistry.v1+json'

type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> }

export function createSchemaRegistry({ url, username, password }: KafkaLogOptions['registry']): SchemaRegistry {
  const base = url.replace(/\/+$/, '')
  const credentials = Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')
  const authorization: Record<string, string> = username == null ? {} : { authorization: `Basic ${credentials}` }

  const ask = async (method: string, path: string, body?: object): Promise<Answer> => {
    try {
      const response = await fetch(`${base}${path}`, {
        method,
        headers: { accept: `${JSON_TYPE}, application/json`, 'content-type': JSON_TYPE, ...authorization },
        signal: AbortSignal.timeout(PATIENCE),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      if (response.status >= 500) throw new Error(`status ${response.status}`)
      const answer: unknown = await response.json().catch(() => null)
      return { status: response.status, body: typeof answer === 'object' && answer !== null ? { ...answer } : {} }
    } catch (error) {
      const detail = 'The schema registry does not answer; check SCHEMA_REGISTRY_URL and that it runs.'
      throw new AppError('log-unavailable', detail, { cause: error })
    }
  }

  /** What the registry said, for people. */
  const reasonOf = ({ status, body }: Answer): string =>
    typeof body['message'] === 'string' ? body['message'] : `status ${status}`

  const refusal = (answer: Answer, what: string): AppError => {
    const hint =
      answer.status === 401 || answer.status === 403 ? ' Check SCHEMA_REGISTRY_USERNAME and its password.' : ''
    return new AppError('configuration-invalid', `The schema registry ${what}: ${reasonOf(answer)}${hint}`)
  }

  const subjectPath = (subject: string): string => encodeURIComponent(subject)

  const compatibility = async (subject: string): Promise<string | null> => {
    const answer = await ask('GET', `/config/${subjectPath(subject)}`)
    if (answer.status === 404) return null
    if (answer.status >= 400) throw refusal(answer, `does not tell the compatibility of ${subject}`)
    const level = answer.body['compatibilityLevel'] ?? answer.body['compatibility']
    return typeof level === 'string' ? level : null
  }

  /** Of two that register a schema at once, one may be told of a conflict although it is there then. */
  const registeredId = async (subject: string, schema: AvroSchema): Promise<unknown> =>
    (await ask('POST', `/subjects/${subjectPath(subject)}`, { schema: JSON.stringify(schema) })).body['id']

  return {
    compatibility,
    async requireCompatibility(subject, level) {
      const answer = await ask('PUT', `/config/${subjectPath(subject)}`, { compatibility: level })
      // Two that set it at once may be told of a conflict; it is set all the same.
      if (answer.status >= 400 && (await compatibility(subject)) !== level) {
        throw refusal(answer, `does not set the compatibility of ${subject}`)
      }
    },
    async register(subject, schema) {
      const answer = await ask('POST', `/subjects/${subjectPath(subject)}/versions`, { schema: JSON.stringify(schema) })
      const id = answer.body['id'] ?? (await registeredId(subject, schema))
      if (typeof id === 'number') return id
      throw refusal(answer, `refuses the schema of ${subject}`)
    },
    async schema(id) {
      const answer = await ask('GET', `/schemas/ids/${id}`)
      if (answer.status === 404) return null
      // Whoever reads has records in hand that must not be lost: to wait is right here.
      if (answer.status >= 400)
        throw new AppError('log-unavailable', refusal(answer, `does not give schema ${id}`).message)
      const { schemaType, schema } = answer.body
      return schemaType !== undefined && schemaType !== 'AVRO' ? null : parseSchema(schema)
    },
  }
}

/** Null where the text is no JSON: another registry's idea of a schema. */
function parseSchema(text: unknown): AvroSchema | null {
  try {
    return typeof text === 'string' ? (JSON.parse(text) as AvroSchema) : null
  } catch {
    return null
  }
}
