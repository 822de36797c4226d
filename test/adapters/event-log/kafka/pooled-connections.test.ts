import { expect, it, onTestFinished } from 'vitest'
import type { Broker } from 'kafkajs'
import { createConnection } from '../../../../src/adapters/event-log/kafka/connection.ts'
import { cutOff } from '../../../../src/adapters/event-log/kafka/pooled-connections.ts'
import { promise } from '../../../fixtures/log-consumers.ts'
import { freePort } from '../../../servers/server-process.ts'
import { createEncoder } from './kafkajs-protocol.ts'
import { answerMetadata, FIND_COORDINATOR, METADATA, standInBroker, type Reply } from './stand-in-broker.ts'

const GROUP_AUTHORIZATION_FAILED = 30

/** An answer that is read as a whole is known by its refusal. */
const refusal: Reply = (answer) =>
  answer(createEncoder().writeInt16(GROUP_AUTHORIZATION_FAILED).writeInt32(-1).writeString('').writeInt32(0).buffer)

type AskingBroker = Broker & { findGroupCoordinator: (request: object) => Promise<unknown> }

/** Works with a broker that replies in this way to the questions for a coordinator, one after another. */
async function withBroker(
  replies: readonly Reply[],
  work: (broker: Broker, ask: () => Promise<unknown>, find: (nodeId: string) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const own = { port: 0, asked: 0 }
  const dead = await freePort()
  own.port = await standInBroker(
    new Map<number, Reply>([
      [
        METADATA,
        (...reply) =>
          answerMetadata(
            new Map([
              [1, own.port],
              [2, dead],
            ]),
          )(...reply),
      ],
      [FIND_COORDINATOR, (...reply) => (replies[own.asked++] ?? refusal)(...reply)],
    ]),
  )
  const options = { brokers: [`127.0.0.1:${own.port}`], registry: { url: '' }, partitions: 1 }
  const connection = createConnection(options, ['pairs'])
  onTestFinished(() => connection.close())
  await connection.use(async (cluster) => {
    const broker = (await cluster.findBroker({ nodeId: '1' })) as AskingBroker
    const ask = () => broker.findGroupCoordinator({ groupId: 'readers', coordinatorType: 0 })
    await work(broker, ask, (nodeId) => cluster.findBroker({ nodeId }))
  })
}

const refused = { type: 'GROUP_AUTHORIZATION_FAILED' }

it.each([0x41, 0x00, 0xff])(
  'reads answers from their beginning after one that was cut off in the middle: bytes %i',
  async (byte) => {
    const cut: Reply = (_, socket) => {
      const part = Buffer.alloc(304, byte)
      part.writeInt32BE(1_000)
      socket.write(part, () => socket.destroy())
    }
    await withBroker([cut, cut], async (_, ask) => {
      for (let time = 0; time < 2; time++) await expect(ask()).rejects.toMatchObject({ name: /Connection/ })
      for (let time = 0; time < 2; time++) await expect(ask()).rejects.toMatchObject(refused)
    })
  },
)

it('opens one socket for all who want one at once', async () => {
  const sockets = new Set<unknown>()
  const noted: Reply = (answer, socket) => {
    sockets.add(socket)
    refusal(answer, socket)
  }
  await withBroker([noted, noted, noted], async (broker, ask) => {
    await cutOff(broker)
    const asked = await Promise.allSettled([ask(), ask(), ask()])
    expect(asked).toMatchObject(Array(3).fill({ status: 'rejected', reason: refused }))
    expect(sockets.size).toBe(1)
  })
})

it('fails what is on its way to a broker that is given up, which may be connected to again', async () => {
  const arrived = promise()
  await withBroker([() => arrived.resolve()], async (broker, ask) => {
    const asked = ask()
    asked.catch(() => undefined)
    await arrived.promise
    await cutOff(broker)
    await expect(asked).rejects.toThrow('given up')
    expect(broker.isConnected()).toBe(false)
    await expect(ask()).rejects.toMatchObject(refused)
  })
})

it('says why a broker cannot be connected to, in words that kafkajs acts upon', async () => {
  await withBroker([], async (_, __, find) => {
    await expect(find('2')).rejects.toMatchObject({ name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' })
  })
})
