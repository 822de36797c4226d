import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createConnection } from '../../../../src/adapters/event-log/kafka/connection.ts'
import { translate } from '../../../../src/adapters/event-log/kafka/failures.ts'
import { createEncoder } from './kafkajs-protocol.ts'
import { answerMetadata, FIND_COORDINATOR, METADATA, standIn, standInBroker, type Reply } from './stand-in-broker.ts'

const [GROUP_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED] = [30, 31]

function connectionTo(...ports: number[]) {
  const brokers = ports.map((port) => `127.0.0.1:${port}`)
  const connection = createConnection({ brokers, registry: { url: '' }, partitions: 1 }, ['pairs'])
  onTestFinished(() => connection.close())
  return connection
}

/** A cluster of one broker, which can be asked for what it knows of others. */
async function startCluster(others: ReadonlyMap<number, Reply> = new Map()): Promise<number> {
  const own = { port: 0 }
  const metadata: Reply = (answer, socket) => answerMetadata(new Map([[1, own.port]]))(answer, socket)
  own.port = await standInBroker(new Map([[METADATA, metadata], ...others]))
  return own.port
}

it('connects anew after a refusal, which may be put right meanwhile', async () => {
  const seen = { connections: 0 }
  const port = await standIn((socket) => {
    seen.connections++
    socket.on('data', (request) => {
      const answer = Buffer.alloc(18)
      answer.writeInt32BE(14, 0)
      request.copy(answer, 4, 8, 12) // the id of the request
      answer.writeInt16BE(CLUSTER_AUTHORIZATION_FAILED, 8)
      socket.write(answer)
    })
  })
  const connection = connectionTo(port)
  const refused = { type: 'CLUSTER_AUTHORIZATION_FAILED' }
  await expect(connection.use(async () => undefined)).rejects.toMatchObject(refused)
  const before = seen.connections
  await expect(connection.use(async () => undefined)).rejects.toMatchObject(refused)
  expect(seen.connections).toBeGreaterThan(before)
})

describe('the first connection goes on to the next address', () => {
  afterEach(() => void vi.useRealTimers())

  /** Lets the time pass, in small steps, as sockets take some that is not faked. */
  async function soon<R>(work: Promise<R>): Promise<R> {
    const state = { isOver: false }
    const over = () => void (state.isOver = true)
    work.then(over, over)
    while (!state.isOver) {
      await vi.advanceTimersByTimeAsync(10)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return work
  }

  it('from a broker that takes it and is silent', async () => {
    const [silent, good] = [await standIn(() => undefined), await startCluster()]
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
    const begunAt = Date.now()
    const nodes = await soon(connectionTo(silent, good).use(async (cluster) => cluster.getNodeIds()))
    expect(nodes.map(Number)).toEqual([1])
    expect(Date.now() - begunAt).toBeLessThan(5_000)
  })

  it('from one that takes it and hangs up, and from three that refuse it', async () => {
    const hangingUp = await standIn((socket) => socket.end())
    const good = await startCluster()
    const nodes = await connectionTo(hangingUp, 1, 2, 3, good).use(async (cluster) => cluster.getNodeIds())
    expect(nodes.map(Number)).toEqual([1])
  })
})

it('says so where the brokers do not tell this user who coordinates a group', async () => {
  const refuse: Reply = (answer) =>
    answer(createEncoder().writeInt16(GROUP_AUTHORIZATION_FAILED).writeInt32(-1).writeString('').writeInt32(-1).buffer)
  const connection = connectionTo(await startCluster(new Map([[FIND_COORDINATOR, refuse]])))
  const asked = connection.useCoordinator('readers', async () => undefined)
  const error: unknown = await asked.catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ type: 'GROUP_AUTHORIZATION_FAILED' })
  expect(translate(error).code).toBe('configuration-invalid')
})
