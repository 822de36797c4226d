import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { Schemas } from '@qdrant/js-client-rest'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { checkQdrant, createQdrantIndex } from '../../../src/adapters/vector-index/qdrant.ts'
import { pointIdOf, pointOf, removalsOf } from '../../fixtures/points.ts'
import { collectionInfo, completed, inTurn, missing, refusal, result, standIn, type Reply } from './qdrant-stand-in.ts'

const vector = Float32Array.of(1, 0)
const deadline = 1_000
const query = { vector, limit: 1 }
const searching = 'POST /collections/images_g1/points/query'
const writing = 'PUT /collections/images_g1/points'

/** An index over a server that knows the generation `g1` and answers searches, or writes, so. */
async function indexOver(routes: Readonly<Record<string, Reply>>) {
  const server = await standIn({ 'GET /collections/images_g1': result(collectionInfo(2)), ...routes })
  const index = await createQdrantIndex({ url: server.url, deadline })
  onTestFinished(() => index.close())
  const asked = (line: string): number => server.lines().filter((seen) => seen.startsWith(line)).length
  return { index, asked }
}

const text =
  (type: string, body: string): Reply =>
  (response) =>
    void response.writeHead(200, { 'content-type': type }).end(body)

describe('answers of Qdrant that are errors', () => {
  it.each<[string, string, Reply]>([
    ['a collection that is not there', 'generation-not-found', missing('images_g1')],
    [
      'a proxy that knows no such address',
      'index-unavailable',
      (response) => void response.writeHead(404).end('nothing'),
    ],
    ['a wrong key', 'index-unavailable', refusal(401, 'Must provide an API key or an Authorization bearer token')],
    ['a key that may not', 'index-unavailable', refusal(403, 'Forbidden: Global access is required')],
    ['overload', 'index-unavailable', refusal(503, 'Service unavailable')],
    ['a read limit', 'index-unavailable', refusal(429, 'Rate limiting exceeded', { 'retry-after': '7' })],
    ['a failure of the server', 'index-unavailable', refusal(500, 'Service internal error: oh')],
    ['a time that ran out on the server', 'index-unavailable', refusal(408, 'Timeout: search')],
    ['a full disk', 'storage-full', refusal(500, 'Service internal error: No space left on device')],
    [
      'another dimension',
      'invalid-vector',
      refusal(400, 'Wrong input: Vector dimension error: expected dim: 3, got 2'),
    ],
    ['a request that is not understood', 'internal', refusal(400, 'Format error in JSON body')],
    ['a body that is not JSON', 'index-unavailable', text('application/json', '{"result": [')],
    ['a page of HTML', 'index-unavailable', text('text/html', '<html></html>')],
    [
      'an answer that breaks off',
      'index-unavailable',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
        response.write('{', () => response.destroy())
      },
    ],
    ['an answer that never comes', 'index-unavailable', () => undefined],
    [
      'an answer that stalls half way',
      'index-unavailable',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).write('{"result"')
      },
    ],
  ])('says of %s that it is %s, at once', async (_, code, reply) => {
    const { index, asked } = await indexOver({ [searching]: reply })
    const start = performance.now()
    const error: unknown = await index.search('g1', 'images', query).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'AppError', code })
    expect(performance.now() - start).toBeLessThan(deadline + 3_000)
    expect(asked(searching)).toBe(1)
  })

  it('names the generation that is missing', async () => {
    const { index } = await indexOver({ [searching]: missing('images_g1') })
    await expect(index.search('g1', 'images', query)).rejects.toThrow('The index has no generation g1.')
    await expect(index.upsert('../g1', 'images', [])).rejects.toMatchObject({ code: 'generation-not-found' })
  })
})

describe('a Qdrant with too much to do', () => {
  it.each([
    ['limits writes', refusal(429, 'Rate limiting exceeded')],
    ['has a node away', refusal(503, 'Service unavailable')],
  ])('gets a write again where it %s', async (_, overload) => {
    const { index, asked } = await indexOver({ [writing]: inTurn(overload, overload, result(completed)) })
    await index.upsert('g1', 'images', [pointOf(1, vector)])
    expect(asked(writing)).toBe(3)
  })

  it('is left alone for as long as it asks', async () => {
    const server = await standIn({
      'POST /collections/images_g1/points/delete': inTurn(
        refusal(429, 'Rate limiting exceeded', { 'retry-after': '1' }),
        result(completed),
      ),
    })
    const index = await createQdrantIndex({ url: server.url, deadline: 5_000 })
    onTestFinished(() => index.close())
    const start = performance.now()
    await index.remove('g1', 'images', removalsOf([pointIdOf(1)]))
    expect(performance.now() - start).toBeGreaterThan(990)
    expect(server.seen).toHaveLength(2)
  })

  it('is given up on at the deadline, and a failure that is none of load at once', async () => {
    const busy = await indexOver({ [writing]: refusal(429, 'Rate limiting exceeded') })
    const start = performance.now()
    const unavailable = { code: 'index-unavailable' }
    await expect(busy.index.upsert('g1', 'images', [pointOf(1, vector)])).rejects.toMatchObject(unavailable)
    expect(performance.now() - start).toBeLessThan(deadline + 3_000)
    expect(busy.asked(writing)).toBeGreaterThan(1)
    const broken = await indexOver({ [writing]: refusal(500, 'Service internal error') })
    await expect(broken.index.upsert('g1', 'images', [pointOf(1, vector)])).rejects.toMatchObject(unavailable)
    expect(broken.asked(writing)).toBe(1)
  })
})

/** The address of a port that nobody listens on. */
async function closedPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}

describe('the connection to Qdrant', () => {
  it('says index-unavailable of a closed port and a closed index', async () => {
    const index = await createQdrantIndex({ url: await closedPort(), deadline })
    const unavailable = { code: 'index-unavailable', message: expect.stringContaining('ECONNREFUSED') as string }
    await expect(index.generations()).rejects.toMatchObject(unavailable)
    await expect(index.create('g1', 2)).rejects.toMatchObject(unavailable)
    await index.close()
    await expect(index.generations()).rejects.toMatchObject({
      code: 'index-unavailable',
      message: 'The index is closed.',
    })
  })

  it('sends the key, asks for answers that are not compressed, keeps to a proxy’s path and prints nothing', async () => {
    const warn = vi.spyOn(console, 'warn')
    onTestFinished(() => warn.mockRestore())
    const server = await standIn({ 'GET /search/qdrant/aliases': result({ aliases: [] }) })
    const index = await createQdrantIndex({ url: `${server.url}/search/qdrant/`, apiKey: 'secret', deadline })
    expect(await index.serving()).toBeNull()
    expect(server.seen[0]?.headers).toMatchObject({ 'api-key': 'secret', 'accept-encoding': 'identity' })
    expect(warn).not.toHaveBeenCalled()
  })

  it.each([
    ['an address that is none', { url: 'qdrant:6333' }],
    ['an address with a password', { url: 'http://someone:secret@qdrant:6333' }],
    ['a key that no header can hold', { url: 'http://qdrant:6333', apiKey: 'sec\nret' }],
    ['a prefix that is none', { url: 'http://qdrant:6333', prefix: 'a/b' }],
    ['a prefix that looks like a collection', { url: 'http://qdrant:6333', prefix: 'images_' }],
  ])('refuses %s without repeating it', async (_, options) => {
    const error: unknown = await createQdrantIndex(options).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'configuration-invalid' })
    expect((error as Error).message).not.toContain('sec')
  })
})

describe('checking a Qdrant', () => {
  const version =
    (number: string): Reply =>
    (response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(
          JSON.stringify({ title: 'qdrant - vector search engine', version: number } satisfies Schemas['VersionInfo']),
        )
  const open = {
    'GET /': version('1.19.0'),
    'GET /collections': result({ collections: [] } satisfies Schemas['CollectionsResponse']),
    'POST /collections/aliases': result(true),
  }
  const noKey = refusal(401, 'Must provide an API key or an Authorization bearer token')

  it('finds nothing wrong with one that can be used, and changes nothing', async () => {
    const server = await standIn(open)
    expect(await checkQdrant({ url: server.url })).toEqual([])
    expect(server.bodyOf('POST')).toEqual({ actions: [] } satisfies Schemas['ChangeAliasesOperation'])
  })

  it.each<[string, RegExp, Readonly<Record<string, Reply>>, string | undefined]>([
    ['an old version', /version 1\.15\.5; upgrade it to 1\.16/, { ...open, 'GET /': version('1.15.5') }, undefined],
    ['a missing key', /wants an API key; set/, { ...open, 'GET /collections': noKey }, undefined],
    ['a wrong key', /refuses the API key; set/, { ...open, 'GET /collections': noKey }, 'wrong'],
    [
      'a key that may only read',
      /may only read; give/,
      { ...open, 'POST /collections/aliases': refusal(403, 'Forbidden') },
      'r',
    ],
    ['another server', /is not Qdrant; correct/, { 'GET /': text('text/html', '<html></html>') }, undefined],
    [
      'a sick server',
      /does not list its collections: oh/,
      { ...open, 'GET /collections': refusal(500, 'oh') },
      undefined,
    ],
  ])('says how to put %s right', async (_, finding, routes, apiKey) => {
    const server = await standIn(routes)
    const findings = await checkQdrant({ url: server.url, ...(apiKey === undefined ? {} : { apiKey }) })
    expect(findings).toEqual([expect.stringMatching(finding)])
  })

  it('says how to put an address right', async () => {
    expect(await checkQdrant({ url: 'nowhere' })).toEqual([expect.stringContaining('must be a URL')])
    expect(await checkQdrant({ url: await closedPort() })).toEqual([
      expect.stringMatching(/not reachable \(ECONNREFUSED\)\. Start Qdrant, or correct the address http:/),
    ])
  })
})
