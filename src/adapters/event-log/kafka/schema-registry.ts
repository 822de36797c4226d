import { COMPATIBILITY, SchemaType } from '@kafkajs/confluent-schema-registry'
import { AppError } from '../../../core/errors.ts'
import type { AvroSchema } from '../avro-bounds.ts'
import type { KafkaLogOptions } from './options.ts'
import { createRegistryClient, SCHEMA_NOT_FOUND } from './registry-client.ts'
import { isRegistryAnswer, readingFailure, startFailure } from './registry-failures.ts'
import { LEVEL, requireLevel } from './subject-level.ts'

/** What the log wants of a schema registry. */
export interface SchemaRegistry {
  /**
   * The id of the schema, which is registered unless it is already; its subject is FULL_TRANSITIVE from then on. Throws
   * `configuration-invalid` with the registry's reason, or when the subject has another level, `log-unavailable`.
   */
  register(subject: string, schema: AvroSchema): Promise<number>
  /**
   * Null for an id that the registry does not know, as far as it has heard. Throws `record-unreadable` for a schema that is not
   * Avro, and `log-unavailable` whatever else is wrong.
   */
  schema(id: number): Promise<AvroSchema | null>
}

const notAvro = (id: number, cause?: unknown): AppError =>
  new AppError('record-unreadable', `Schema ${id} of the registry is no Avro schema.`, { cause })

export function createSchemaRegistry(options: KafkaLogOptions['registry']): SchemaRegistry {
  const client = createRegistryClient(options)

  const registered = async (subject: string, schema: AvroSchema): Promise<number> => {
    const confluent = { type: SchemaType.AVRO as const, schema: JSON.stringify(schema) }
    return (await client.register(confluent, { subject, compatibility: COMPATIBILITY[LEVEL] })).id
  }

  return {
    async register(subject, schema) {
      await requireLevel(options, subject)
      try {
        return await registered(subject, schema).catch((error: unknown) => {
          // Of two that register a schema at once, one may be told of a conflict although it is there then.
          if (isRegistryAnswer(error) && error.status === 409) return registered(subject, schema)
          throw error
        })
      } catch (error) {
        throw startFailure(error, `refuses the schema of ${subject}`)
      }
    },

    async schema(id) {
      try {
        const type = await client.getSchema(id)
        if ('createResolver' in type) return JSON.parse(JSON.stringify(type)) as AvroSchema
        throw notAvro(id)
      } catch (error) {
        if (isRegistryAnswer(error) && error.status === SCHEMA_NOT_FOUND) return null
        // What is neither an answer nor ours says that the schema is of a kind, or in a form, that the package cannot take.
        if (!isRegistryAnswer(error) && !(error instanceof AppError)) throw notAvro(id, error)
        if (error instanceof AppError && error.code === 'record-unreadable') throw error
        throw readingFailure(error, `does not give schema ${id}`)
      }
    },
  }
}
