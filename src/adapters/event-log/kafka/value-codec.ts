import { AppError, toAppError, type ErrorCode } from '../../../core/errors.ts'
import { topics, type Topic, type TopicValues } from '../../../core/events.ts'
import type { AvroSchema } from '../avro-bounds.ts'
import type { AvroCodec } from '../avro-codec.ts'
import type { SchemaRegistry } from './schema-registry.ts'
import { frame, unframe } from './wire-format.ts'

/** The values of records as they are on the wire. */
export interface ValueCodec {
  encode<T extends Topic>(topic: T, value: TopicValues[T]): Buffer
  /**
   * Never throws for what is in the bytes. Throws `log-unavailable` while the registry that knows their schema is away, and while
   * it does not know the schema of a record (`appendedAt` in milliseconds since the epoch) and has not for long.
   */
  decode<T extends Topic>(topic: T, bytes: Buffer, appendedAt: number): Promise<Decoded<T>>
  /** The same for who loses nothing by an answer that says that a record cannot be read now: it does not wait for an unknown id. */
  decodeNow<T extends Topic>(topic: T, bytes: Buffer, appendedAt: number): Promise<Decoded<T>>
}

export type Decoded<T extends Topic> = { readonly value: TopicValues[T] | null; readonly problem: ErrorCode | null }

export const subjectOf = (topicName: string): string => `${topicName}-value`

/** How long the registry is not asked again for an id that was given up, which it may give to a schema later. */
const UNKNOWN_FOR = 10_000
const SCHEMA_PATIENCE = 30_000
/** After so long without an unknown id, in milliseconds, the next one is waited for anew; whoever waits asks far more often. */
const UNKNOWN_APART = 60_000

export type ValueCodecOptions = {
  /** Only decodes, and registers nothing. */
  readonly readOnly?: boolean | undefined
  /**
   * How long a record with an unknown id is waited for before it is given up, in milliseconds: of several registries one may lag behind
   * the one that gave the id. Default 30 s. Counted for all such ids together, so that much garbage is waited for once, not one by one, and
   * at the earliest from when the record was appended.
   */
  readonly schemaPatience?: number | undefined
  /** In milliseconds since the epoch. */
  readonly clock?: () => number
}

type Decoder<T extends Topic> = (bytes: Uint8Array) => TopicValues[T]

/**
 * Registers all versions of the schemas, oldest first, under FULL_TRANSITIVE. Throws `configuration-invalid` with the registry's
 * reason when it refuses one, `log-unavailable` when it is away.
 */
export async function createValueCodec(
  registry: SchemaRegistry,
  codec: AvroCodec,
  nameOf: (topic: Topic) => string,
  options: ValueCodecOptions = {},
): Promise<ValueCodec> {
  const { readOnly = false, schemaPatience = SCHEMA_PATIENCE, clock = Date.now } = options
  const written = new Map<Topic, number>()
  const decoders = new Map<string, Promise<Decoder<Topic> | null>>()
  /** Since when the registry has known none of the ids that it was asked for, and when it last was. */
  let unknowns: { readonly since: number; readonly last: number } | null = null
  const givenUp = new Set<number>()
  const keyOf = (topic: Topic, schemaId: number): string => `${topic}/${schemaId}`

  const decoderFor = (topic: Topic, schema: AvroSchema): Decoder<Topic> => codec.decoder(topic, schema)

  const register = async (topic: Topic): Promise<void> => {
    const subject = subjectOf(nameOf(topic))
    const ids = new Map<number, AvroSchema>()
    for (const schema of codec.schemas(topic)) {
      const id = await registry.register(subject, schema)
      ids.set(id, schema)
      written.set(topic, id)
    }
    // What this program wrote can be read while the registry is away.
    for (const [id, schema] of ids) decoders.set(keyOf(topic, id), Promise.resolve(decoderFor(topic, schema)))
  }
  if (!readOnly) await Promise.all(topics.map(register))

  const unreadable = (detail: string): AppError => new AppError('record-unreadable', detail)

  /** Null for a schema that the registry does not know. */
  const findDecoder = async (topic: Topic, schemaId: number): Promise<Decoder<Topic> | null> => {
    const schema = givenUp.has(schemaId) ? null : await registry.schema(schemaId)
    if (schema === null) return null
    unknowns = null
    return decoderFor(topic, schema)
  }

  const giveUp = (schemaId: number): void => {
    if (givenUp.has(schemaId)) return
    givenUp.add(schemaId)
    setTimeout(() => givenUp.delete(schemaId), UNKNOWN_FOR).unref()
  }

  const unknown = (topic: Topic, schemaId: number, appendedAt: number): AppError => {
    const cause = unreadable(`The schema registry does not know schema ${schemaId}, which a record of ${topic} has.`)
    const now = clock()
    const since = unknowns === null || now - unknowns.last > UNKNOWN_APART ? now : unknowns.since
    unknowns = { since, last: now }
    // An append time may lie in the future where a broker's clock is wrong.
    if (now - (appendedAt > now ? since : Math.max(appendedAt, since)) >= schemaPatience) {
      giveUp(schemaId)
      return cause
    }
    return new AppError('log-unavailable', cause.message, { cause })
  }

  const decoderOf = async <T extends Topic>(topic: T, schemaId: number, appendedAt: number): Promise<Decoder<T>> => {
    const key = keyOf(topic, schemaId)
    const finding = decoders.get(key) ?? findDecoder(topic, schemaId)
    decoders.set(key, finding)
    const forget = (): void => void decoders.delete(key)
    const found = await finding.catch((error: unknown) => {
      if (toAppError(error).kind === 'unavailable') forget()
      throw error
    })
    if (found !== null) return found as Decoder<T>
    forget()
    throw unknown(topic, schemaId, appendedAt)
  }

  const decode = async <T extends Topic>(topic: T, bytes: Buffer, appendedAt: number): Promise<Decoded<T>> => {
    try {
      const framed = unframe(bytes)
      if (framed === null) throw unreadable('The value does not begin with the id of a schema.')
      const decoder = await decoderOf(topic, framed.schemaId, appendedAt)
      return { value: decoder(framed.avro), problem: null }
    } catch (error) {
      const failure = toAppError(error)
      if (failure.kind === 'unavailable') throw failure
      return { value: null, problem: failure.code }
    }
  }

  return {
    encode: (topic, value) => frame(written.get(topic) ?? 0, codec.encode(topic, value)),

    decode,
    async decodeNow(topic, bytes, appendedAt) {
      try {
        return await decode(topic, bytes, appendedAt)
      } catch (error) {
        const { cause } = toAppError(error)
        if (cause instanceof AppError && cause.code === 'record-unreadable') return { value: null, problem: cause.code }
        throw error
      }
    },
  }
}
