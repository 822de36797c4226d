import type { Producer } from 'kafkajs'
import { createClient, type Repetitions } from './client.ts'
import { createDeferred, type Deferred } from './deferred.ts'
import type { KafkaLogOptions } from './options.ts'
import { createSockets, type Sockets } from './sockets.ts'

/** A record as it goes to the brokers. */
export type OutgoingRecord = {
  /** The full name. */
  readonly topic: string
  readonly partition: number
  readonly key: string
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
}

/** Sends batches one after another, each record once in its partition although it is sent again after a failure. */
export interface IdempotentProducer {
  /** The offsets of the records, in their order. What it throws is kafkajs' own. */
  send(records: readonly OutgoingRecord[]): Promise<readonly number[]>
  /**
   * Gives up what is on its way; the next `send` begins with a new producer id. That must be after every failure: kafkajs takes
   * the sequence numbers of a failed batch for the next one, which the broker might then drop as a repetition.
   */
  discard(): void
}

const LONGEST_PAUSE = 500

/**
 * kafkajs would repeat without end, and cannot be told to stop. Repeating for as long as `deadline` milliseconds, in ever longer
 * pauses of which each may be a fifth shorter, is enough: after that nobody waits for the records any more.
 */
const repetitionsFor = (deadline: number): Repetitions => ({
  retries: Math.ceil(deadline / (0.8 * LONGEST_PAUSE)) + 5,
  initialRetryTime: 50,
  maxRetryTime: LONGEST_PAUSE,
})

type Opened = {
  readonly producer: Producer
  readonly connected: Promise<void>
  readonly sockets: Sockets
  /** Rejects when it is discarded: kafkajs goes on for a while with what it has, and nobody is to wait for that. */
  readonly discarded: Deferred<never>
}

export function createIdempotentProducer(options: KafkaLogOptions, deadline: number): IdempotentProducer {
  const repetitions = repetitionsFor(deadline)
  let current: Opened | null = null

  const open = (): Opened => {
    const sockets = createSockets()
    const producer = createClient(options, sockets, repetitions).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: repetitions,
      createPartitioner: () => (choice) => choice.message.partition ?? 0,
    })
    const discarded = createDeferred<never>()
    discarded.promise.catch(() => undefined)
    return { producer, sockets, connected: producer.connect(), discarded }
  }

  return {
    async send(records) {
      const { producer, connected, discarded } = (current ??= open())
      const send = async () => {
        await connected
        return producer.sendBatch({ acks: -1, topicMessages: byTopic(records) })
      }
      const answers = await Promise.race([send(), discarded.promise])
      const next = new Map(
        answers.map(({ topicName, partition, baseOffset }) => [`${topicName}/${partition}`, Number(baseOffset)]),
      )
      return records.map(({ topic, partition }) => {
        const place = `${topic}/${partition}`
        const offset = next.get(place) ?? Number.NaN
        next.set(place, offset + 1)
        return offset
      })
    },
    discard() {
      current?.sockets.cut()
      current?.discarded.reject(new Error('the producer was given up'))
      current = null
    },
  }
}

function byTopic(records: readonly OutgoingRecord[]): { topic: string; messages: OutgoingRecord[] }[] {
  const topics = new Map<string, OutgoingRecord[]>()
  for (const record of records) {
    const messages = topics.get(record.topic)
    if (messages === undefined) topics.set(record.topic, [record])
    else messages.push(record)
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }))
}
