import kafkajs, { type Broker } from 'kafkajs'
import { answerOf, translate } from './failures.ts'
import { poolOf } from './pooled-connections.ts'

/**
 * The broker, which counts as away where it takes the connection and then does not answer, or hangs up: a process that is frozen, a
 * proxy before one that is gone. kafkajs goes on to the next address only from one that cannot be connected to, and takes the other
 * for connected from then on; and the time that it has for a first answer it does not keep to.
 */
export function passingOn(broker: Broker): Broker {
  const { connect } = broker
  const queues = () => poolOf(broker).pool.map(({ requestQueue }) => requestQueue)
  const usual = queues()[0]?.requestTimeout
  const setTimeouts = (milliseconds: number | undefined): void => {
    if (milliseconds !== undefined) for (const queue of queues()) queue.requestTimeout = milliseconds
  }
  let connecting = 0
  return Object.assign(broker, {
    async connect() {
      connecting++
      setTimeouts(poolOf(broker).connectionTimeout)
      try {
        await Reflect.apply(connect, broker, [])
      } catch (error) {
        if (!isSilence(error)) throw error
        throw new kafkajs.KafkaJSConnectionError(error)
      } finally {
        if (--connecting === 0) setTimeouts(usual)
      }
    },
  })
}

/** Whether the broker was there and said nothing; of one that is not there kafkajs knows itself. */
const isSilence = (error: unknown): error is Error =>
  error instanceof Error &&
  error.name !== 'KafkaJSConnectionError' &&
  answerOf(error) === null &&
  translate(error).kind === 'unavailable'
