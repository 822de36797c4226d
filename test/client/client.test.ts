import { describe, expect, it, onTestFinished } from 'vitest'
import { startServer } from '../../src/api/server.ts'
import { createClient } from '../../src/client/index.ts'
import { picture } from '../api/fixtures/colour-encoder.ts'
import { runningApi } from '../api/fixtures/running-api.ts'

/** The API on a port of its own, and a client of it. */
async function served(options: { readonly token?: string } = {}) {
  const api = await runningApi()
  const seen: (string | null)[] = []
  const app = {
    fetch: (request: Request) => {
      seen.push(request.headers.get('authorization'))
      return api.app.fetch(request)
    },
  }
  const { address, stop } = await startServer(app, { port: 0 })
  onTestFinished(stop)
  return { api, seen, client: createClient({ address, ...options }) }
}

describe('the client', () => {
  it('publishes, follows, searches, judges and erases', async () => {
    const { api, client } = await served()
    const image = Buffer.from(await picture('red', 0)).toString('base64')
    const published = await client.POST('/v1/pairs', { body: { image, caption: 'a red square' } })
    expect(published).toMatchObject({ data: { outcome: 'accepted' } })
    await api.publish('blue', 'a blue square', { metadata: { place: 'sea' } })
    await api.release('m-1', 'g1')

    const { data } = await client.GET('/v1/search', { params: { query: { q: 'red', limit: 1 } } })
    expect(data?.hits).toMatchObject([{ captions: [{ caption: 'a red square' }], modelVersion: 'm-1' }])
    const [hit] = data?.hits ?? []
    const pairId = hit?.captions[0]?.pairId ?? ''
    const status = await client.GET('/v1/pairs/{id}', { params: { path: { id: pairId } } })
    expect(status.data).toMatchObject({ status: 'indexed', caption: 'a red square' })
    const filtered = await client.GET('/v1/search', {
      params: { query: { q: 'red', metadata: ['place:sea', 'place:lake'] } },
    })
    expect(filtered.data?.hits.map(({ metadata }) => metadata)).toEqual([{ place: 'sea' }])

    const body = { queryId: crypto.randomUUID(), action: 'up' as const, imageId: hit?.imageId ?? '' }
    expect((await client.POST('/v1/feedback', { body })).response.status).toBe(202)
    expect((await client.DELETE('/v1/pairs/{id}', { params: { path: { id: pairId } } })).data).toMatchObject({ pairId })
  })

  it('gives a problem as a value', async () => {
    const { client } = await served()
    const { data, error } = await client.GET('/v1/search', { params: { query: { q: 'a dog' } } })
    expect(data).toBeUndefined()
    expect(error).toMatchObject({ code: 'no-model', status: 503, title: expect.any(String) as string })
  })

  it('sends its token with every request, and none where it has none', async () => {
    const { client, seen } = await served({ token: 'secret' })
    await client.GET('/v1/status')
    expect(seen).toEqual(['Bearer secret'])
    const without = await served()
    await without.client.GET('/v1/status')
    expect(without.seen).toEqual([null])
  })
})
