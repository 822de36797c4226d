import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { createEncoder } from './kafkajs-protocol.ts'

/** Of requests (Kafka's guide, "API Keys"). */
export const [METADATA, FIND_COORDINATOR, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE] = [3, 10, 17, 18, 36]

/** Answers a request, or does something else to the connection that it came over. */
export type Reply = (answer: (body: Buffer) => void, socket: Socket) => void

/** Something at 127.0.0.1 that takes connections; `port` is given once it does. It ends with the test. */
export async function standIn(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A broker that knows these requests, in version 1, and those of API versions. Each comes whole. */
export function standInBroker(replies: ReadonlyMap<number, Reply>): Promise<number> {
  const versions = createEncoder()
    .writeInt16(0)
    .writeInt32(replies.size + 1)
  for (const key of [API_VERSIONS, ...replies.keys()]) {
    const highest = key === API_VERSIONS || key === SASL_AUTHENTICATE || key === FIND_COORDINATOR ? 0 : 1
    versions.writeInt16(key).writeInt16(0).writeInt16(highest)
  }
  return standIn((socket) =>
    socket.on('data', (requests) =>
      requestsIn(requests).forEach((request) => {
        const answer = (body: Buffer): void => {
          const head = Buffer.alloc(8)
          head.writeInt32BE(4 + body.length)
          request.copy(head, 4, 8, 12) // the id of the request
          socket.write(Buffer.concat([head, body]))
        }
        const asked = request.readInt16BE(4)
        if (asked === API_VERSIONS) answer(versions.buffer)
        else replies.get(asked)?.(answer, socket)
      }),
    ),
  )
}

function requestsIn(bytes: Buffer): Buffer[] {
  if (bytes.length === 0) return []
  const end = 4 + bytes.readInt32BE()
  return [bytes.subarray(0, end), ...requestsIn(bytes.subarray(end))]
}

/** Metadata without any topic, of brokers by their ids, the first of which is the controller. */
export function answerMetadata(brokers: ReadonlyMap<number, number>): Reply {
  const encoder = createEncoder().writeInt32(brokers.size)
  for (const [id, port] of brokers) encoder.writeInt32(id).writeString('127.0.0.1').writeInt32(port).writeString('')
  encoder.writeInt32([...brokers.keys()][0] ?? -1).writeInt32(0)
  return (answer) => answer(encoder.buffer)
}
