import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { expect, it, onTestFinished } from 'vitest'
import { startServer } from '../../src/api/server.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { postJson, runningApi } from './fixtures/running-api.ts'

const answering = (body: string) => ({ fetch: () => new Response(body) })

it('takes a free port on the loopback interface and says where it listens', async () => {
  const server = await startServer(answering('hello'), { port: 0 })
  onTestFinished(server.stop)
  expect(server.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(await (await fetch(server.address)).text()).toBe('hello')
})

it('says which port is in use and what to do', async () => {
  const server = await startServer(answering('hello'), { port: 0 })
  onTestFinished(server.stop)
  const port = Number(new URL(server.address).port)
  const second = startServer(answering('hello'), { port })
  await expect(second).rejects.toMatchObject({
    code: 'port-in-use',
    message: expect.stringContaining(`${port}`) as string,
  })
  await expect(startServer(answering(''), { port: 0, host: '192.0.2.1' })).rejects.toMatchObject({
    code: 'configuration-invalid',
  })
})

it('ends requests in hand before it stops, though connections are kept alive', async () => {
  const arrived = promise()
  const mayAnswer = promise()
  const app = {
    async fetch() {
      arrived.resolve()
      await mayAnswer.promise
      return new Response('finished')
    },
  }
  const server = await startServer(app, { port: 0 })
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  const request = get(server.address, { agent })
  await arrived.promise
  const stopped = server.stop()
  await expect(fetch(server.address)).rejects.toThrow()
  mayAnswer.resolve()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  expect(await readText(response)).toBe('finished')
  await stopped
  await server.stop()
})

it('cuts off a client that never sends the rest of its request, once the grace is over', async () => {
  const arrived = promise()
  const app = {
    async fetch(request: Request) {
      arrived.resolve()
      return new Response(await request.text())
    },
  }
  const server = await startServer(app, { port: 0, stopGrace: 20 })
  const socket = connect(Number(new URL(server.address).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf')
  await arrived.promise
  await server.stop()
})

it('refuses a body past the limit over a socket, and goes on', async () => {
  const { app } = await runningApi({ maxBodyBytes: 100_000 })
  const server = await startServer(app, { port: 0 })
  onTestFinished(server.stop)
  const response = await fetch(`${server.address}/v1/search`, postJson({ text: 'x'.repeat(200_000) }))
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([413, 'payload-too-large'])
  expect((await fetch(`${server.address}/health/live`)).status).toBe(200)
})

it('outlives a client that sends no HTTP', async () => {
  const server = await startServer(answering('hello'), { port: 0 })
  onTestFinished(server.stop)
  const socket = connect(Number(new URL(server.address).port), '127.0.0.1')
  socket.end('nonsense\r\n\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 400/)
  expect((await fetch(server.address)).status).toBe(200)
})
