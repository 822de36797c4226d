import { describe, expect, it } from 'vitest'
import type { ReadJudgement } from '../../../src/producers/judgements/judgement-source.ts'
import { isAddress, openPostgrest, type PostgrestOptions } from '../../../src/producers/judgements/postgrest.ts'
import { pagesOf, serveTable, type Row } from './table-server.ts'

const rowOf = (i: number): Row => ({
  query: `query ${i}`,
  document: 'café',
  relevance: i % 2 === 0,
  source: 'editors',
  created_at: '2024-05-01T12:00:00+00:00',
})
const rows = Array.from({ length: 25 }, (_, i) => rowOf(i))

async function read(address: string, options: Partial<PostgrestOptions> = {}, signal?: AbortSignal) {
  const all: ReadJudgement[] = []
  for await (const one of openPostgrest(address, { token: undefined, pageRows: 10, ...options }).read(signal))
    all.push(one)
  return all
}
const failure = (code: string, ...parts: string[]) => ({ code, message: expect.stringMatching(parts.join('.*')) as string }) // prettier-ignore

describe('judgements from PostgREST', () => {
  it('come page by page, in one order, with the filters of the address', async () => {
    const { address, asked } = await serveTable(pagesOf(rows))
    const all = await read(`${address}/judgements?source=eq.editors`, { token: 'a.b.c' })
    expect(all).toHaveLength(25)
    expect(all[3]).toEqual({
      place: 'row 4',
      judgement: { query: 'query 3', document: 'café', relevance: 0, source: 'editors', createdAt: Date.UTC(2024, 4, 1, 12) }, // prettier-ignore
    })
    expect(asked.map(({ url }) => url.searchParams.get('offset'))).toEqual(['0', '10', '20', '25'])
    const parameters = Object.fromEntries(asked[0]?.url.searchParams ?? [])
    expect(parameters).toEqual({
      source: 'eq.editors',
      select: 'query,document,relevance,source,created_at',
      order: 'created_at,query,document',
      limit: '10',
      offset: '0',
    })
    expect(asked.every(({ authorization }) => authorization === 'Bearer a.b.c')).toBe(true)
  })

  it('come as a whole from a server that gives fewer rows than it is asked for', async () => {
    const { address, asked } = await serveTable(pagesOf(rows, 7))
    expect(await read(`${address}/judgements`)).toHaveLength(25)
    expect(asked.map(({ url }) => url.searchParams.get('offset'))).toEqual(['0', '7', '14', '21', '25'])
    expect(asked.every(({ authorization }) => authorization === undefined)).toBe(true)
  })

  it('end where a server that counts says that there is no such range', async () => {
    const { address } = await serveTable((request, response, url) => {
      if (Number(url.searchParams.get('offset')) < 25) pagesOf(rows)(request, response, url)
      else response.writeHead(416).end()
    })
    expect(await read(`${address}/judgements?select=*&order=id`)).toHaveLength(25)
  })

  it('name the row where they are wrong', async () => {
    const { address } = await serveTable(pagesOf([rowOf(1), { ...rowOf(2), relevance: null }, rowOf(3)]))
    const all = await read(`${address}/judgements`)
    expect(all.map((one) => 'judgement' in one)).toEqual([true, false, true])
    expect(all[1]).toMatchObject({ place: 'row 2', detail: expect.stringContaining('relevance must') as string })
  })

  it.each([
    [401, 'source-refused', 'set JUDGEMENTS_TOKEN'],
    [400, 'source-refused', 'check columns'],
    [302, 'source-refused', '302'],
    [404, 'source-not-found', 'no such table'],
    [429, 'source-unavailable', 'later'],
    [503, 'source-unavailable', 'later'],
  ])('are refused with a clear error where the server answers %d', async (status, code, text) => {
    const { address } = await serveTable((_, response) =>
      response.writeHead(status, { location: '/elsewhere' }).end('{}'),
    )
    await expect(read(`${address}/judgements`)).rejects.toMatchObject(failure(code, text))
  })

  it('are refused where a page is too large, no JSON, no array, or no text', async () => {
    const given = (body: string | Buffer) => serveTable((_, response) => void response.end(body))
    const { address: large } = await given(JSON.stringify(rows))
    await expect(read(`${large}/t`, { maxBytes: 100 })).rejects.toMatchObject(
      failure('source-unrecognised', 'page of over'),
    )
    for (const body of ['<html>', '{"rows": []}', Buffer.of(0xff, 0xfe)]) {
      const { address } = await given(body)
      await expect(read(`${address}/t`)).rejects.toMatchObject({ code: 'source-unrecognised' })
    }
  })

  it('wait no longer than the deadline, and fail clearly where the server is away or breaks off', async () => {
    const { address: silent } = await serveTable((_, response) => void response.write('['))
    await expect(read(`${silent}/t`, { deadline: 50 })).rejects.toMatchObject(failure('source-unavailable', 'no whole page in 0.05 s')) // prettier-ignore
    const { address: broken } = await serveTable((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('[')
      response.socket?.destroy()
    })
    await expect(read(`${broken}/t`)).rejects.toMatchObject(failure('source-unavailable', 'broke off'))
    const { address: gone, stop } = await serveTable(pagesOf([]))
    await stop()
    await expect(read(`${gone}/t`)).rejects.toMatchObject(failure('source-unavailable', 'ECONNREFUSED'))
  })

  it('are refused from a server that gives the same rows whatever is asked for', async () => {
    const { address, asked } = await serveTable((request, response, url) => {
      url.searchParams.set('offset', '0')
      pagesOf(rows)(request, response, url)
    })
    await expect(read(`${address}/judgements`)).rejects.toMatchObject(failure('source-unrecognised', 'the same rows'))
    expect(asked).toHaveLength(2)
  })

  it('stop with the signal', async () => {
    const stopping = new AbortController()
    const { address } = await serveTable(() => stopping.abort())
    await expect(read(`${address}/t`, {}, stopping.signal)).rejects.toMatchObject({ code: 'not-ready' })
  })

  it('refuse an address that cannot be used, without showing it', () => {
    const open = (address: string, token?: string) => () => openPostgrest(address, { token })
    expect(open('http://ada:secret@host/t')).toThrow(/without a user/)
    expect(open('http://ada:secret@host/t')).not.toThrow(/secret/)
    expect(open('http://host/t?limit=5')).toThrow(/leave limit out/)
    expect(open('http://')).toThrow(/is a URL/)
    expect(open('http://host/t', 'two words')).toThrow(/JUDGEMENTS_TOKEN/)
    expect(['http://host/t', 'HTTPS://host', 'judgements.csv', './http:/x'].map(isAddress)).toEqual([true, true, false, false]) // prettier-ignore
  })
})
