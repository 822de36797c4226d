import fc from 'fast-check'
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { decodeName, encodeName } from '../../../src/adapters/tracking/mlflow/names.ts'
import { pointsOf } from '../../../src/adapters/tracking/mlflow/run-records.ts'
import { checkMlflow, createMlflowTracking } from '../../../src/adapters/tracking/mlflow.ts'
import { answeringServer } from '../../fixtures/answering-server.ts'

const json = (response: ServerResponse, status: number, body: object): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

describe('what a server answers', () => {
  const answers = [
    { name: 'an internal error', status: 500, text: '{"error_code":"INTERNAL_ERROR"}' },
    { name: 'a gateway without a server', status: 502, text: '<html>Bad gateway' },
    { name: 'too many requests', status: 429, text: '' },
    { name: 'no user', status: 401, text: 'You are not authenticated' },
    { name: 'a user who may not', status: 403, text: 'Permission denied' },
    { name: 'a host name it does not serve', status: 403, text: 'Invalid Host header' },
    { name: 'no such page', status: 404, text: '<html>Not found' },
    { name: 'another page', status: 200, text: '<html>Welcome' },
    { name: 'another JSON', status: 200, text: '{"model_versions":7,"experiments":7}' },
  ]

  it.each(answers)('$name is an outage, and the check says what to do', async ({ status, text }) => {
    const url = await answeringServer((_, response) => void response.writeHead(status).end(text))
    const tracking = createMlflowTracking({ url })
    await expect(tracking.versions().then(() => tracking.run('r1'))).rejects.toMatchObject({
      code: 'tracking-unavailable',
    })
    expect(await checkMlflow({ url })).toHaveLength(1)
  })

  it('tells what to do about a host name, and about artefacts that are not served', async () => {
    const forbidden = await answeringServer((_, response) => void response.writeHead(403).end('Invalid Host header'))
    expect(await checkMlflow({ url: forbidden })).toEqual([expect.stringContaining('--allowed-hosts')])
    const withoutArtefacts = await answeringServer(({ url = '' }, response) => {
      if (url.includes('mlflow-artifacts')) response.writeHead(503).end('disabled; run with `--serve-artifacts`')
      else json(response, 200, { experiments: [] })
    })
    expect(await checkMlflow({ url: withoutArtefacts })).toEqual([expect.stringContaining('--artifacts-destination')])
  })

  it('is an outage from the first request on: a proxy refuses too, while MLflow starts again', async () => {
    let status = 404
    const url = await answeringServer((_, response) => json(response, status, {}))
    const tracking = createMlflowTracking({ url })
    for (status of [404, 401, 403]) {
      await expect(tracking.versions()).rejects.toMatchObject({ code: 'tracking-unavailable', kind: 'unavailable' })
    }
    status = 200
    expect(await tracking.versions()).toEqual([])
  })

  it('may come too late, be cut off, or never come', async () => {
    const unavailable = { code: 'tracking-unavailable' }
    const silent = await answeringServer(() => undefined)
    await expect(createMlflowTracking({ url: silent, deadline: 100 }).versions()).rejects.toMatchObject(unavailable)
    const cut = await answeringServer((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"model_', () => response.destroy())
    })
    await expect(createMlflowTracking({ url: cut }).versions()).rejects.toMatchObject(unavailable)
    const nobody = createMlflowTracking({ url: 'http://127.0.0.1:1' })
    await expect(nobody.versions()).rejects.toMatchObject(unavailable)
    expect(await checkMlflow({ url: 'http://127.0.0.1:1' })).toEqual([expect.stringContaining('out of reach')])
  })
})

describe('who asks', () => {
  it.each([
    { options: { token: 'secret' }, sent: 'Bearer secret' },
    { options: { username: 'user', password: 'p:w' }, sent: `Basic ${btoa('user:p:w')}` },
    { options: {}, sent: undefined },
  ])('is told with $options', async ({ options, sent }) => {
    const seen: unknown[] = []
    const url = await answeringServer(({ headers }, response) => {
      seen.push(headers.authorization)
      json(response, 200, {})
    })
    await createMlflowTracking({ url: `${url}/below/`, ...options }).versions()
    expect(seen).toEqual([sent])
  })

  it.each(['mlflow:5000', 'ftp://host', '', 'http://user:password@host'])('is not taken from the address %j', (url) => {
    expect(() => createMlflowTracking({ url })).toThrow(expect.objectContaining({ code: 'configuration-invalid' }))
  })
})

describe('names', () => {
  it('are readable, such as MLflow takes them, and come back', () => {
    expect(encodeName('recall@10')).toBe('recall:at:10')
    expect(encodeName('learning rate')).toBe('learning rate')
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'grapheme' }),
          fc.string({ unit: fc.constantFrom('a', '.', ':', '/', '@', ' ', 'x', '4') }),
        ),
        (name) => {
          const encoded = encodeName(name)
          expect(encoded).toMatch(/^[\w.\-: /]+$/)
          expect(encoded).not.toMatch(/^[./]|\/$|\/\/|\/\.{1,2}(\/|$)/)
          expect(decodeName(encoded)).toBe(name)
        },
      ),
    )
  })

  it('of tags are never those of the driver', () => {
    expect(encodeName('pairstream.run_id')).toBe('pairstream:x2e:run_id')
    expect(decodeName(encodeName('pairstream.run_id'))).toBe('pairstream.run_id')
  })
})

describe('points of a metric', () => {
  it('are one a step, the latest, in order of steps, with infinity as it was', () => {
    const logged = (step: number, value: number, timestamp: number) => ({ step, value, timestamp })
    const history = [logged(2, 1, 5), logged(1, 3, 9), logged(1, 2, 4), logged(3, -Number.MAX_VALUE, 1)]
    expect(pointsOf(history)).toEqual([
      { step: 1, value: 3, at: 9 },
      { step: 2, value: 1, at: 5 },
      { step: 3, value: Number.NEGATIVE_INFINITY, at: 1 },
    ])
  })
})
