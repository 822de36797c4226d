import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A schema registry that is away for its first so many requests, and then answers as another does. */
export async function startLateRegistry(
  registry: string,
  requests: number,
): Promise<{ readonly address: string; stop(): Promise<void> }> {
  let asked = 0
  const server = createServer((request, response) => {
    if (asked++ < requests) {
      response.writeHead(503).end()
      return
    }
    void fetch(registry + (request.url ?? '')).then(async (answer) =>
      response.writeHead(answer.status).end(await answer.text()),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `http://127.0.0.1:${port}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
