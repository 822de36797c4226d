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
}

type Fields = Record<string, unknown>
type TopicSchema = { readonly version: number; readonly schema: AvroSchema; readonly type: avsc.Type }

// src and dist lie equally deep, so one path serves both.
const schemaFolder = new URL('../../../schemas/', import.meta.url)
const schemaFile = /^(?<topic>.+)\.v(?<version>\d+)\.avsc$/

/** All versions of a topic's schema, oldest first. */
function loadSchemas(topic: Topic): TopicSchema[] {
  const files = readdirSync(schemaFolder).map((name) => schemaFile.exec(name)?.groups ?? {})
  return files
    .filter((file) => file['topic'] === topic)
    .map((file) => Number(file['version']))
    .sort((a, b) => a - b)
    .map((version) => {
      const schema = JSON.parse(readFileSync(new URL(`${topic}.v${version}.avsc`, schemaFolder), 'utf8')) as AvroSchema
      return { version, schema, type: avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: 'never' }) }
    })
}

const mapFields = (value: object, change: (field: unknown) => unknown): Fields =>
  Object.fromEntries(Object.entries(value).map(([name, field]) => [name, change(field)]))

/** avsc takes and gives bytes as Buffer; a view of the same memory costs nothing. */
const asBuffer = (field: unknown): unknown =>
  field instanceof Uint8Array ? Buffer.from(field.buffer, field.byteOffset, field.byteLength) : field

const asPlainBytes = (field: unknown): unknown =>
  Buffer.isBuffer(field) ? new Uint8Array(field.buffer, field.byteOffset, field.byteLength) : field

function firstMismatch(type: avsc.Type, value: object): string {
  let mismatch = ''
  type.isValid(value, { errorHook: (path) => (mismatch ||= path.join('.')) })
  return mismatch
}

function createTopicCodec<T extends Topic>(topic: T) {
  const schemas = loadSchemas(topic)
  const newest = schemas.at(-1)
  if (newest === undefined) throw new AppError('internal', `There is no schema for ${topic}; reinstall the program.`)
  const writers = new Map(
    schemas.map((writer) => [writer.version, { ...writer, resolver: newest.type.createResolver(writer.type) }]),
  )

  return {
    schemaVersion: newest.version,

    encode(value: TopicValues[T]): Uint8Array {
      const fields = mapFields(value, asBuffer)
      try {
        return newest.type.toBuffer(fields)
      } catch (error) {
        const detail = `The field "${firstMismatch(newest.type, fields)}" does not match the schema of ${topic}.`
        throw new AppError('invalid-request', detail, { cause: error })
      }
    },

    decode(version: number, bytes: Uint8Array): TopicValues[T] {
      const writer = writers.get(version)
      if (writer === undefined) {
        throw new AppError('record-unreadable', `Version ${version} of ${topic} is unknown; upgrade this program.`)
      }
      let fields: Fields
      try {
        checkAvroBounds(writer.schema, bytes)
        const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        fields = mapFields(newest.type.fromBuffer(buffer, writer.resolver) as object, asPlainBytes)
      } catch (error) {
        const detail = `The bytes are no record of ${topic}, version ${version}.`
        throw new AppError('record-unreadable', detail, { cause: error })
      }
      // The schema has a string, so that newer splits do not break older readers; the type promises a known one.
      if (topic === 'pairs') fields['split'] = parseSplit(fields['split'] as string | null)
      return fields as TopicValues[T]
    },
  }
}

/** Loads every schema at once, so that a damaged or missing one is found at start. */
export function createAvroCodec(): AvroCodec {
  const codecs = Object.fromEntries(topics.map((topic) => [topic, createTopicCodec(topic)])) as {
    readonly [T in Topic]: ReturnType<typeof createTopicCodec<T>>
  }
  return {
    schemaVersion: (topic) => codecs[topic].schemaVersion,
    encode: (topic, value) => codecs[topic].encode(value),
    decode: (topic, schemaVersion, bytes) => codecs[topic].decode(schemaVersion, bytes),
  }
}
