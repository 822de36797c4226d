import { readdirSync, readFileSync } from 'node:fs'
import avsc from 'avsc'
import { AppError } from '../../core/errors.ts'
import { topics, type Topic, type TopicValues } from '../../core/events.ts'
import { parseSplit } from '../../core/split.ts'
import { checkAvroBounds, type AvroSchema } from './avro-bounds.ts'

/** The bytes of record values, by the schemas in `schemas/<topic>.v<version>.avsc`. */
export interface AvroCodec {
  /** The newest version of a topic's schema: what `encode` writes and `decode` yields. */
  schemaVersion(topic: Topic): number
  /** Avro binary without a header. Throws `invalid-request` when the value does not match the schema. */
  encode<T extends Topic>(topic: T, value: TopicValues[T]): Uint8Array
  /** The value that was written with `schemaVersion`, as the newest version sees it. Throws `record-unreadable`, `split-unknown`. */
  decode<T extends Topic>(topic: T, schemaVersion: number, bytes: Uint8Array): TopicValues[T]
  /** All versions of a topic's schema, oldest first. */
  schemas(topic: Topic): readonly AvroSchema[]
  /**
   * Decodes what was written with any schema, as the newest version sees it; the decoder throws as `decode` does. Throws
   * `record-unreadable` when the newest version cannot read that schema.
   */
  decoder<T extends Topic>(topic: T, writer: AvroSchema): (bytes: Uint8Array) => TopicValues[T]
}

type Fields = Record<string, unknown>
type TopicSchema = { readonly version: number; readonly schema: AvroSchema; readonly type: avsc.Type }

// src and dist lie equally deep, so one path serves both.
const ownSchemas = new URL('../../../schemas/', import.meta.url)
const schemaFile = /^(?<topic>.+)\.v(?<version>\d+)\.avsc$/

/** All versions of a topic's schema, oldest first. */
function loadSchemas(topic: Topic, folder: URL): TopicSchema[] {
  const files = readdirSync(folder).map((name) => schemaFile.exec(name)?.groups ?? {})
  return files
    .filter((file) => file['topic'] === topic)
    .map((file) => Number(file['version']))
    .sort((a, b) => a - b)
    .map((version) => {
      const schema = JSON.parse(readFileSync(new URL(`${topic}.v${version}.avsc`, folder), 'utf8')) as AvroSchema
      return { version, schema, type: typeOf(schema) }
    })
}

const typeOf = (schema: AvroSchema): avsc.Type => avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: 'never' })

const mapFields = (value: object, change: (field: unknown) => unknown): Fields =>
  Object.fromEntries(Object.entries(value).map(([name, field]) => [name, change(field)]))

/** avsc takes and gives bytes as Buffer; a view of the same memory costs nothing. */
const asBuffer = (field: unknown): unknown =>
  field instanceof Uint8Array ? Buffer.from(field.buffer, field.byteOffset, field.byteLength) : field

/** A field as it was given: bytes without Node's own methods, and records within a list without those that avsc gives them. */
function asPlain(field: unknown): unknown {
  if (Buffer.isBuffer(field)) return new Uint8Array(field.buffer, field.byteOffset, field.byteLength)
  if (Array.isArray(field)) return field.map((item: unknown) => (typeof item === 'object' ? { ...item } : item))
  return field
}

function firstMismatch(type: avsc.Type, value: object): string {
  let mismatch = ''
  type.isValid(value, { errorHook: (path) => (mismatch ||= path.join('.')) })
  return mismatch
}

function createTopicCodec<T extends Topic>(topic: T, folder: URL) {
  const schemas = loadSchemas(topic, folder)
  const newest = schemas.at(-1)
  if (newest === undefined) throw new AppError('internal', `There is no schema for ${topic}; reinstall the program.`)

  const decoder = (schema: AvroSchema, writer: avsc.Type, what: string) => {
    const resolver = newest.type.createResolver(writer)
    return (bytes: Uint8Array): TopicValues[T] => {
      let fields: Fields
      try {
        checkAvroBounds(schema, bytes)
        const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        fields = mapFields(newest.type.fromBuffer(buffer, resolver) as object, asPlain)
      } catch (error) {
        throw new AppError('record-unreadable', `The bytes are no record of ${topic}, ${what}.`, { cause: error })
      }
      // The schema has a string, so that newer splits do not break older readers; the type promises a known one.
      if (topic === 'pairs') fields['split'] = parseSplit(fields['split'] as string | null)
      return fields as TopicValues[T]
    }
  }
  const decoders = new Map<number, ReturnType<typeof decoder>>()
  /** Made when it is first needed: whether versions go together at all is the registry's to say, where there is one. */
  const decoderOf = (version: number): ReturnType<typeof decoder> => {
    const known = decoders.get(version)
    if (known !== undefined) return known
    const writer = schemas.find((schema) => schema.version === version)
    if (writer === undefined) {
      throw new AppError('record-unreadable', `Version ${version} of ${topic} is unknown; upgrade this program.`)
    }
    const made = decoder(writer.schema, writer.type, `version ${version}`)
    decoders.set(version, made)
    return made
  }

  return {
    schemaVersion: newest.version,
    schemas: schemas.map(({ schema }) => schema),

    encode(value: TopicValues[T]): Uint8Array {
      const fields = mapFields(value, asBuffer)
      try {
        return newest.type.toBuffer(fields)
      } catch (error) {
        const detail = `The field "${firstMismatch(newest.type, fields)}" does not match the schema of ${topic}.`
        throw new AppError('invalid-request', detail, { cause: error })
      }
    },

    decode: (version: number, bytes: Uint8Array): TopicValues[T] => decoderOf(version)(bytes),

    decoder(writer: AvroSchema): (bytes: Uint8Array) => TopicValues[T] {
      try {
        return decoder(writer, typeOf(writer), 'as its schema has it')
      } catch (error) {
        throw new AppError('record-unreadable', `The schema of the record does not go with that of ${topic}.`, {
          cause: error,
        })
      }
    },
  }
}

/** Loads every schema at once, so that a damaged or missing one is found at start. */
export function createAvroCodec(folder: URL = ownSchemas): AvroCodec {
  const codecs = Object.fromEntries(topics.map((topic) => [topic, createTopicCodec(topic, folder)])) as {
    readonly [T in Topic]: ReturnType<typeof createTopicCodec<T>>
  }
  return {
    schemaVersion: (topic) => codecs[topic].schemaVersion,
    encode: (topic, value) => codecs[topic].encode(value),
    decode: (topic, schemaVersion, bytes) => codecs[topic].decode(schemaVersion, bytes),
    schemas: (topic) => codecs[topic].schemas,
    decoder: (topic, writer) => codecs[topic].decoder(writer),
  }
}
