import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createSockets } from '../../../../src/adapters/event-log/kafka/sockets.ts'

it('tells nothing more of a socket that was ended, whatever the broker does', async () => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const ended = vi.fn()
  const socket = createSockets().factory({ host: '127.0.0.1', port, ssl: false as never, onConnect: () => undefined })
  socket.on('end', ended)
  const arrived = once(server, 'connection')
  await once(socket, 'connect')
  await arrived
  socket.end()
  await once(socket, 'close')
  expect(ended).not.toHaveBeenCalled()
})
