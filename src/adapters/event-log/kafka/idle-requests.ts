import type { Broker } from 'kafkajs'

/** What kafkajs has and its types leave out. */
type RequestQueue = { readonly pending: readonly unknown[]; scheduleCheckPendingRequests: () => void }
type BrokerWithin = Broker & {
  readonly connectionPool: { readonly pool: readonly { readonly requestQueue: RequestQueue }[] }
}

/**
 * The broker, which looks for requests that wait only where some do. kafkajs looks a thousand times a second, for as long as a
 * connection is open, which costs an idle process some 5 % of a core.
 */
export function restingWhenIdle(broker: Broker): Broker {
  for (const { requestQueue } of (broker as BrokerWithin).connectionPool.pool) {
    const schedule = requestQueue.scheduleCheckPendingRequests
    requestQueue.scheduleCheckPendingRequests = () => {
      if (requestQueue.pending.length > 0) Reflect.apply(schedule, requestQueue, [])
    }
  }
  return broker
}
