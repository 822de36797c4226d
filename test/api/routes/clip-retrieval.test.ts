import { describe, expect, it } from 'vitest'
import { picture } from '../fixtures/colour-encoder.ts'
import { almostTheSame } from '../fixtures/near-duplicates.ts'
import { runningApi } from '../fixtures/running-api.ts'

type Result = { id: string; similarity: number; url?: string; caption?: string; album?: string }

/** A request as clip-retrieval's client makes it: a string as the body, and no content type. */
const asClient = (body: object): RequestInit => ({
  method: 'POST',
  body: new TextEncoder().encode(JSON.stringify(body)),
})

/** What its client sends with every query. */
const defaults = {
  text: null,
  image: null,
  image_url: null,
  embedding_input: null,
  deduplicate: true,
  use_safety_model: true,
  use_violence_detector: true,
  indice_name: 'pairstream',
  use_mclip: false,
  aesthetic_score: 9,
  aesthetic_weight: 0.5,
  modality: 'image',
  num_images: 40,
  num_result_ids: 40,
}

async function released() {
  const api = await runningApi()
  const red = await api.publish('red', 'a red square', { metadata: { album: 'warm', id: 'not an id' } })
  const blue = await api.publish('blue', 'the blue sea')
  await api.release('m-1', 'g1')
  const ask = async (path: string, body: object) => {
    const response = await api.app.request(`http://localhost:8080${path}`, asClient(body))
    return { status: response.status, body: (await response.json()) as Result[] & { code?: string; detail?: string } }
  }
  return { ...api, red, blue, ask }
}

describe('the protocol of clip-retrieval', () => {
  it('names its index', async () => {
    const { app } = await released()
    expect(await (await app.request('/indices-list')).json()).toEqual(['pairstream'])
  })

  it('finds pictures and captions by text, picture and embedding', async () => {
    const { app, ask, red, blue } = await released()
    const { status, body } = await ask('/knn-service', { ...defaults, text: 'red' })
    expect(status).toBe(200)
    expect(body.map(({ id }) => id)).toEqual([red.imageId, blue.imageId])
    expect(body[0]).toEqual({
      id: red.imageId,
      similarity: expect.closeTo(1, 5) as number,
      url: `http://localhost:8080/v1/images/${red.imageId}/content`,
      caption: 'a red square',
      album: 'warm',
    })
    expect((await app.request(new URL(body[0]?.url ?? '').pathname)).status).toBe(200)
    const captions = await ask('/knn-service', { ...defaults, text: 'blue', modality: 'text' })
    expect(captions.body[0]).toMatchObject({ id: blue.pairId, caption: 'the blue sea' })
    const image = (await picture('blue', 3)).toString('base64')
    expect((await ask('/knn-service', { ...defaults, image })).body[0]?.id).toBe(blue.imageId)
    const encoding = await app.request('/encode_text', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"text":"blue"}' }) // prettier-ignore
    const { embedding } = (await encoding.json()) as { embedding: number[] }
    expect((await ask('/knn-service', { ...defaults, embedding_input: embedding })).body[0]?.id).toBe(blue.imageId)
  })

  it('describes the first results only, and the others by their ids', async () => {
    const { ask, red, blue, erase, catalogue, log } = await released()
    const { body } = await ask('/knn-service', { ...defaults, text: 'red', num_images: 1 })
    expect(body[1]).toEqual({ id: blue.imageId, similarity: expect.any(Number) as number })
    const ids = [blue.imageId, red.pairId, red.imageId]
    const metadata = await ask('/metadata', { indice_name: 'pairstream', ids })
    expect(metadata.body).toEqual([
      { id: blue.imageId, metadata: { url: expect.stringContaining(blue.imageId) as string, caption: 'the blue sea' } },
      { id: red.pairId, metadata: expect.objectContaining({ caption: 'a red square', album: 'warm' }) as object },
      { id: red.imageId, metadata: expect.objectContaining({ caption: 'a red square' }) as object },
    ])
    await erase(red.pairId, 'test')
    await catalogue.caughtUp(log)
    expect((await ask('/metadata', { ids })).body.map(({ id }) => id)).toEqual([blue.imageId])
    expect((await ask('/metadata', { ids: [] })).body).toEqual([])
  })

  it('leaves near-duplicates out where that is wanted', async () => {
    const api = await runningApi()
    for (const bytes of await almostTheSame('red', 3)) {
      const form = new FormData()
      form.set('image', new File([new Uint8Array(bytes)], 'picture'))
      form.set('caption', 'a picture')
      await api.app.request('/v1/pairs', { method: 'POST', body: form })
    }
    await api.release('m-1', 'g1')
    const count = async (deduplicate: boolean) => {
      const response = await api.app.request('/knn-service', asClient({ ...defaults, text: 'red', deduplicate }))
      return ((await response.json()) as Result[]).length
    }
    expect([await count(false), await count(true)]).toEqual([2, 1])
  })

  it.each<[object, number, RegExp]>([
    [{ ...defaults }, 400, /Give a "text"/],
    [{ ...defaults, image_url: 'https://example.com/a.jpg' }, 400, /^image_url: .*"image"/],
    [{ ...defaults, text: 'red', indice_name: 'laion5B' }, 404, /indices-list/],
    [{ ...defaults, text: 'red', modality: 'sound' }, 400, /^modality: /],
    [{ ...defaults, text: 'red', num_images: 0 }, 400, /^num_images: /],
  ])('refuses %j', async (body, status, detail) => {
    const { ask } = await released()
    const answer = await ask('/knn-service', body)
    expect(answer.status).toBe(status)
    expect(answer.body.detail).toMatch(detail)
  })
})
