import { expect, it } from 'vitest'
import { hasTopics } from '../../../../src/adapters/event-log/kafka/topics.ts'
import { createEncoder } from './kafkajs-protocol.ts'
import { SASL_AUTHENTICATE, SASL_HANDSHAKE, standInBroker, type Reply } from './stand-in-broker.ts'

const SASL_AUTHENTICATION_FAILED = 58

/** A broker that goes on, once a user wants to sign in, as `reply` says. */
async function brokerThat(reply: Reply): Promise<string> {
  const offer: Reply = (answer) => answer(createEncoder().writeInt16(0).writeInt32(1).writeString('PLAIN').buffer)
  const replies = new Map([
    [SASL_HANDSHAKE, offer],
    [SASL_AUTHENTICATE, reply],
  ])
  return `127.0.0.1:${await standInBroker(replies)}`
}

const refuse: Reply = (answer) =>
  answer(
    createEncoder().writeInt16(SASL_AUTHENTICATION_FAILED).writeString('No such user').writeBytes(Buffer.alloc(0))
      .buffer,
  )

it.each([
  ['refuses the user', refuse, 'configuration-invalid', 'No such user'],
  ['closes the connection', (_, socket) => socket.end(), 'log-unavailable', 'Closed connection'],
  ['breaks the connection', (_, socket) => socket.resetAndDestroy(), 'log-unavailable', 'ECONNRESET'],
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
