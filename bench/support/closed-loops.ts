/**
 * `clients` loops at once, each calling again as soon as its last call has been answered, over the queries in turn, for `duration`
 * milliseconds; how long each call took. A call that fails ends it all.
 */
export async function closedLoops(
  queries: readonly string[],
  clients: number,
  duration: number,
  call: (query: string, client: number) => Promise<void>,
): Promise<number[]> {
  const milliseconds: number[] = []
  const deadline = performance.now() + duration
  let next = 0
  const loop = async (client: number): Promise<void> => {
    while (performance.now() < deadline) {
      const query = queries[next++ % queries.length] ?? ''
      const start = performance.now()
      await call(query, client)
      milliseconds.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => loop(client)))
  return milliseconds
}
