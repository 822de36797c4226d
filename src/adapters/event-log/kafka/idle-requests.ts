import type { PooledConnection } from './pooled-connections.ts'

/**
 * Has the connection look for requests that wait only where some do. kafkajs looks a thousand times a second, for as long as a
 * connection is open, which costs an idle process some 5 % of a core.
 */
export function restWhenIdle({ requestQueue }: Pick<PooledConnection, 'requestQueue'>): void {
  const schedule = requestQueue.scheduleCheckPendingRequests
  requestQueue.scheduleCheckPendingRequests = () => {
    if (requestQueue.pending.length > 0) Reflect.apply(schedule, requestQueue, [])
  }
}
