import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from './connection.ts'
import { mayPass } from './failures.ts'
import { askIdentity, placeOf, sendToLeaders, type Batch, type BatchListener, type Identity } from './produce.ts'
import type { OutgoingRecord } from './outgoing-record.ts'

/** Sends batches one after another, each record once in its partition although it is sent again after a failure. */
export interface IdempotentProducer {
  /**
   * Resolves once every partition has confirmed its records or refused them; `listener` is told of each as it does. Tries until it
   * is discarded; throws what kafkajs throws where trying again would not help.
   */
  send(records: readonly OutgoingRecord[], listener: BatchListener): Promise<void>
  /**
   * Gives up what is on its way; the next `send` begins with a new producer id. That must be after every failure, and is after a
   * refusal: a batch of which nobody knows whether it was written has taken its sequence numbers, and what came next under them
   * would be dropped.
   */
  discard(): void
}

type Session = {
  readonly connection: Connection
  identity: Identity | null
  readonly nextSequences: Map<string, number>
  /** Ends the send that is under way: kafkajs goes on for a while with what it has, and nobody is to wait for that. */
  giveUp: (reason: Error) => void
}

/** After the first failure, in milliseconds; it doubles. */
export const FIRST_PAUSE = 50
const LONGEST_PAUSE = 500
/** Sequence numbers begin anew at 0 after the largest 32-bit integer. */
const SEQUENCES = 2 ** 31

/**
 * The produce loop is not kafkajs': over several brokers its retries acknowledge records that were never sent, and send others a
 * second time under new sequence numbers. Here a batch keeps its numbers, goes to whoever leads its partition until that one
 * confirms it, and one request at a time is on its way to a broker. `connect` opens a connection for a new producer id.
 */
export function createIdempotentProducer(connect: () => Connection): IdempotentProducer {
  let current: Session | null = null

  const open = (): Session => ({
    connection: connect(),
    identity: null,
    nextSequences: new Map(),
    giveUp: () => undefined,
  })

  const batchesOf = ({ nextSequences }: Session, records: readonly OutgoingRecord[]): Map<string, Batch> => {
    const batches = new Map<string, Batch>()
    for (const record of records) {
      const place = placeOf(record)
      const batch = batches.get(place)
      if (batch !== undefined) batch.records.push(record)
      else {
        const { topic, partition } = record
        const firstSequence = nextSequences.get(place) ?? 0
        batches.set(place, { topic, partition, records: [record], firstSequence })
      }
    }
    return batches
  }

  /** Whether all were confirmed. */
  const sendOn = async (session: Session, rest: Map<string, Batch>, listener: BatchListener): Promise<boolean> => {
    let isAllConfirmed = true
    const isOver = (batch: Batch): boolean => !rest.delete(placeOf(batch)) || session !== current
    const telling: BatchListener = {
      onConfirmed(batch, firstOffset) {
        if (isOver(batch)) return
        session.nextSequences.set(placeOf(batch), (batch.firstSequence + batch.records.length) % SEQUENCES)
        listener.onConfirmed(batch, firstOffset)
      },
      onRefused(batch, failure) {
        if (isOver(batch)) return
        isAllConfirmed = false
        listener.onRefused(batch, failure)
      },
    }
    for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        await session.connection.use(async (cluster) => {
          session.identity ??= await askIdentity(cluster)
          await sendToLeaders(cluster, session.identity, [...rest.values()], telling)
        })
      } catch (error) {
        if (!mayPass(error)) throw error
      }
      if (rest.size === 0) return isAllConfirmed
      await delay(pause)
    }
  }

  const discard = (): void => {
    current?.connection.close()
    current?.giveUp(new Error('the producer was given up'))
    current = null
  }

  return {
    async send(records, listener) {
      const session = (current ??= open())
      // A race against one promise for all sends would keep something of each for as long as the session lasts.
      const isAllConfirmed = await new Promise<boolean>((resolve, reject) => {
        session.giveUp = reject
        sendOn(session, batchesOf(session, records), listener).then(resolve, reject)
      })
      if (!isAllConfirmed && session === current) discard()
    },
    discard,
  }
}
