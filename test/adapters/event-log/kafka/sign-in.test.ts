import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { hasTopics } from '../../../../src/adapters/event-log/kafka/topics.ts'
import { createEncoder } from './kafkajs-protocol.ts'

const [API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE] = [18, 17, 36]
const SASL_AUTHENTICATION_FAILED = 58

type Reply = (socket: Socket, answer: (body: Buffer) => void) => void

/** A broker that goes on, once a user wants to sign in, as `reply` says. */
async function brokerThat(reply: Reply): Promise<string> {
  const versions = createEncoder().writeInt16(0).writeInt32(3)
  for (const key of [API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE]) {
    versions
      .writeInt16(key)
      .writeInt16(0)
      .writeInt16(key === SASL_HANDSHAKE ? 1 : 0)
  }
  const mechanisms = createEncoder().writeInt16(0).writeInt32(1).writeString('PLAIN')
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('data', (request) => {
      const answer = (body: Buffer): void => {
        const head = Buffer.alloc(8)
        head.writeInt32BE(4 + body.length)
        request.copy(head, 4, 8, 12) // the id of the request
        socket.write(Buffer.concat([head, body]))
      }
      const asked = request.readInt16BE(4)
      if (asked === API_VERSIONS) answer(versions.buffer)
      else if (asked === SASL_HANDSHAKE) answer(mechanisms.buffer)
      else reply(socket, answer)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const refuse: Reply = (_, answer) =>
  answer(
    createEncoder().writeInt16(SASL_AUTHENTICATION_FAILED).writeString('No such user').writeBytes(Buffer.alloc(0))
      .buffer,
  )

it.each([
  ['refuses the user', refuse, 'configuration-invalid', 'No such user'],
  ['closes the connection', (socket) => socket.end(), 'log-unavailable', 'Closed connection'],
  ['breaks the connection', (socket) => socket.resetAndDestroy(), 'log-unavailable', 'ECONNRESET'],
] satisfies [string, Reply, string, string][])(
  'tells apart what a broker does while a user signs in: it %s',
  async (_, reply, code, words) => {
    const brokers = [await brokerThat(reply)]
    const sasl = { mechanism: 'plain', username: 'pairstream', password: 'a secret' } as const
    await expect(hasTopics({ brokers, registry: { url: '' }, partitions: 1, sasl })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(new RegExp(`SASL PLAIN authentication failed: .*${words}`)) as string,
    })
  },
)
