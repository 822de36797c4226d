import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createConnection } from '../../../../src/adapters/event-log/kafka/connection.ts'

const CLUSTER_AUTHORIZATION_FAILED = 31

/** A broker that refuses everything it is asked; how many came to it. */
async function refusingBroker() {
  const seen = { connections: 0 }
  const server = createServer((socket) => {
    seen.connections++
    socket.on('error', () => socket.destroy())
    socket.on('data', (request) => {
      const answer = Buffer.alloc(18)
      answer.writeInt32BE(14, 0)
      request.copy(answer, 4, 8, 12) // the id of the request
      answer.writeInt16BE(CLUSTER_AUTHORIZATION_FAILED, 8)
      socket.write(answer)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { seen, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

it('connects anew after a refusal, which may be put right meanwhile', async () => {
  const { seen, address } = await refusingBroker()
  const connection = createConnection({ brokers: [address], registry: { url: '' }, partitions: 1 }, ['pairs'])
  const refused = { type: 'CLUSTER_AUTHORIZATION_FAILED' }
  await expect(connection.use(async () => undefined)).rejects.toMatchObject(refused)
  const before = seen.connections
  await expect(connection.use(async () => undefined)).rejects.toMatchObject(refused)
  expect(seen.connections).toBeGreaterThan(before)
  connection.close()
})
