import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { sha256Hex } from '../../../src/core/ids.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { COMMIT, hubServer, sendFile, sendHalf, times, type Fault } from './hub-server.ts'
import { filesIn, placeOf, pullFrom } from './pulling.ts'
import { tinyNetwork, tinyRepository } from './tiny-network.ts'

const NETWORK = '/onnx/model.onnx'
const half = tinyNetwork().length >> 1

/** A hub, a folder, and half of the network: sent to whoever asks with `onBytes`, and then the connection is cut. */
async function setUp() {
  let halfHasCome = (): void => undefined
  const hasCome = new Promise<void>((resolve) => (halfHasCome = resolve))
  const onBytes = (path: string, done: number): void => {
    if (path === 'onnx/model.onnx' && done === half) halfHasCome()
  }
  const sendHalfOf = (response: ServerResponse, file: Buffer, tag: Record<string, string> = {}): void => {
    response.writeHead(200, { ...tag, 'content-length': file.length })
    sendHalf(response, file, hasCome)
  }
  const cut: Fault = (_, response, file) => {
    if (file !== null) sendHalfOf(response, file, { etag: `"${sha256Hex(file)}"` })
    return true
  }
  return { hub: await hubServer(tinyRepository()), folder: await temporaryFolder(), onBytes, cut, sendHalfOf }
}

/** The headers with which the network was asked for, one after the other. */
const asked = (hub: Awaited<ReturnType<typeof hubServer>>) =>
  hub.requests.filter(({ path }) => path.endsWith(NETWORK)).map(({ headers }) => headers)

describe('a connection that is cut', () => {
  it('is taken up where it was, under the same tag', async () => {
    const { hub, folder, onBytes, cut } = await setUp()
    hub.misbehave(times(1, NETWORK, cut))
    const model = await pullFrom({ url: hub.url, folder, onBytes })
    const [first, second, ...others] = asked(hub)
    expect(first?.range).toBeUndefined()
    expect(second?.range).toBe(`bytes=${half}-`)
    expect(second?.['if-range']).toBe(`"${sha256Hex(tinyNetwork())}"`)
    expect(others).toEqual([])
    expect(model.fetched).toBe(4)
  })

  it('is begun anew where the hub ignores ranges', async () => {
    const { hub, folder, onBytes: halfHasCome, cut } = await setUp()
    hub.misbehave(times(1, NETWORK, cut))
    hub.misbehave(
      times(1, NETWORK, (_, response, file) => {
        response.writeHead(200, { 'content-length': file?.length ?? 0 }).end(file)
        return true
      }),
    )
    const seen: number[] = []
    const onBytes = (path: string, done: number): void => {
      halfHasCome(path, done)
      if (path === 'onnx/model.onnx') seen.push(done)
    }
    await pullFrom({ url: hub.url, folder, onBytes })
    expect(asked(hub)).toHaveLength(2)
    expect(seen.at(-1)).toBe(tinyNetwork().length)
  })

  it('is begun anew where the two halves do not belong together', async () => {
    const { hub, folder, onBytes, sendHalfOf } = await setUp()
    hub.misbehave(
      times(1, NETWORK, (_, response) => {
        sendHalfOf(response, Buffer.from(tinyNetwork(9)))
        return true
      }),
    )
    const model = await pullFrom({ url: hub.url, folder, onBytes })
    expect(asked(hub).map(({ range }) => range)).toEqual([undefined, `bytes=${half}-`, undefined])
    expect(model.fetched).toBe(4)
  })

  it('is begun anew where the hub sends another range, or says that there is none', async () => {
    for (const status of [206, 416]) {
      const { hub, folder, onBytes, cut } = await setUp()
      hub.misbehave(times(1, NETWORK, cut))
      hub.misbehave(
        times(1, NETWORK, (_, response, file) => {
          const range = status === 206 ? 'bytes 7-8/9' : `bytes */${file?.length ?? 0}`
          response.writeHead(status, { 'content-range': range }).end('xx')
          return true
        }),
      )
      await pullFrom({ url: hub.url, folder, onBytes })
      expect(asked(hub).map(({ range }) => range)).toEqual([undefined, `bytes=${half}-`, undefined])
    }
  })

  it('is given up once it has brought nothing three times', async () => {
    const { hub, folder } = await setUp()
    hub.misbehave((request, response) => {
      if (request.url?.endsWith(NETWORK) !== true) return false
      response.destroy()
      return true
    })
    let pauses = 0
    const pull = pullFrom({ url: hub.url, folder, onPause: () => pauses++ })
    await expect(pull).rejects.toMatchObject({ code: 'hub-unavailable' })
    expect(asked(hub)).toHaveLength(3)
    expect(pauses).toBe(2)
    expect(await filesIn(placeOf(folder, COMMIT))).toEqual([])
  })
})

describe('a pull that is stopped', () => {
  it('leaves nothing that looks like a model, and goes on from there', async () => {
    const { hub, folder } = await setUp()
    const stop = new AbortController()
    // Half of it, and then nothing more: whoever waits is stopped then.
    hub.misbehave(
      times(1, NETWORK, (_, response, file) => {
        response.writeHead(200, { etag: `"${sha256Hex(file ?? '')}"`, 'content-length': file?.length ?? 0 })
        response.write(file?.subarray(0, half))
        return true
      }),
    )
    const onBytes = (path: string, done: number): void => {
      if (path === 'onnx/model.onnx' && done === half) stop.abort()
    }
    await expect(pullFrom({ url: hub.url, folder, signal: stop.signal, onBytes })).rejects.toThrow(/abort/)
    expect(await filesIn(placeOf(folder, COMMIT))).toEqual([])
    const before = hub.fetched()

    await pullFrom({ url: hub.url, folder })
    expect(asked(hub).at(-1)?.range).toBe(`bytes=${half}-`)
    // What was whole is not fetched again.
    expect(hub.fetched().slice(before.length)).toEqual(['onnx/model.onnx'])
  })
})

describe('a hub that cannot answer now', () => {
  it.each([429, 503, 500])('is asked again after %i', async (status) => {
    const { hub, folder } = await setUp()
    const busy: Fault = (_, response) => {
      response.writeHead(status, { 'retry-after': '0' }).end()
      return true
    }
    hub.misbehave(times(2, '/main', busy))
    hub.misbehave(times(2, NETWORK, busy))
    expect((await pullFrom({ url: hub.url, folder })).fetched).toBe(4)
    expect(asked(hub)).toHaveLength(3)
  })

  it('is given up at once where it asks for more patience than there is', async () => {
    const { hub, folder } = await setUp()
    hub.misbehave((_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end()
      return true
    })
    await expect(pullFrom({ url: hub.url, folder })).rejects.toMatchObject({ code: 'hub-unavailable' })
    expect(hub.requests).toHaveLength(1)
  })

  it('is given up where it says nothing any more, in the middle or from the start', async () => {
    for (const ending of ['/main', NETWORK]) {
      const { hub, folder } = await setUp()
      hub.misbehave((request, response, file) => {
        if (!(request.url ?? '').split('?')[0]?.endsWith(ending)) return false
        if (file !== null) response.writeHead(200, { 'content-length': file.length }).write('x')
        return true
      })
      const pull = pullFrom({ url: hub.url, folder, patience: { attempts: 2, silence: 100 } })
      await expect(pull).rejects.toMatchObject({
        code: 'hub-unavailable',
        message: expect.stringContaining('0.1 s') as string,
      })
    }
  })

  it('is told from one that is not there', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    const url = `http://127.0.0.1:${port}`
    const message = `The hub at ${url} cannot be reached (ECONNREFUSED); check the network and HUB_URL.`
    const pull = pullFrom({ url, folder: await temporaryFolder() })
    await expect(pull).rejects.toMatchObject({ code: 'hub-unavailable', message })
  })

  it('may come back in time for a later attempt with whole files', async () => {
    const { hub, folder, onBytes, cut } = await setUp()
    hub.misbehave(times(2, NETWORK, cut))
    hub.misbehave((request, response, file) => {
      if (file === null) return false
      sendFile(request, response, file)
      return true
    })
    expect((await pullFrom({ url: hub.url, folder, onBytes })).fetched).toBe(4)
  })
})
