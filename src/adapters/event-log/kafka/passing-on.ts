import kafkajs, { type Broker } from 'kafkajs'
import { answerOf, translate } from './failures.ts'

/** What kafkajs has and its types leave out. */
type BrokerWithin = Broker & {
  readonly connectionPool: {
    readonly connectionTimeout: number
    readonly pool: readonly { readonly requestQueue: { requestTimeout: number } }[]
  }
}

/**
 * The broker, which counts as away where it takes the connection and then does not answer, or hangs up: a process that is frozen, a
 * proxy before one that is gone. kafkajs goes on to the next address only from one that cannot be connected to, and takes the other
 * for connected from then on; and the time that it has for a first answer it does not keep to.
 */
export function passingOn(broker: Broker): Broker {
  const { connect } = broker
  const { connectionTimeout, pool } = (broker as BrokerWithin).connectionPool
  const queues = pool.map(({ requestQueue }) => ({ requestQueue, usual: requestQueue.requestTimeout }))
  return Object.assign(broker, {
    async connect() {
      for (const { requestQueue } of queues) requestQueue.requestTimeout = connectionTimeout
      try {
        await Reflect.apply(connect, broker, [])
      } catch (error) {
        if (!(error instanceof Error) || answerOf(error) !== null || translate(error).kind !== 'unavailable')
          throw error
        throw new kafkajs.KafkaJSConnectionError(error)
      } finally {
        for (const { requestQueue, usual } of queues) requestQueue.requestTimeout = usual
      }
    },
  })
}
