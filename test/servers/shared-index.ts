import { Hono } from 'hono'
import { startServer } from '../../src/api/server.ts'
import { dot, normalise } from '../../src/core/vector.ts'
import type { StartedServer } from './start-servers.ts'

type Document = { readonly text: string }
type StoredPoint = {
  readonly id: string
  readonly vector: Float32Array
  readonly words: ReadonlySet<string>
  readonly payload: Record<string, unknown>
}
type GivenPoint = {
  readonly id: string
  readonly vector: number[] | { readonly '': number[]; readonly words: Document }
  readonly payload: StoredPoint['payload']
}
type Condition = { readonly key: string; readonly match: { readonly any: readonly string[] } }
type RemovalCondition = {
  readonly must: readonly [{ readonly has_id: readonly string[] }]
  readonly must_not: readonly [{ readonly key: string; readonly range: { readonly gt: number } }]
}
type Collection = {
  readonly params: { readonly vectors: unknown; readonly sparse_vectors?: unknown }
  readonly points: Map<string, StoredPoint>
  readonly indexed: Set<string>
}

const fieldOf = (payload: Record<string, unknown>, path: string): unknown =>
  path
    .replaceAll('"', '')
    .split('.')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], payload)

const passes = ({ payload }: StoredPoint, conditions: readonly Condition[]): boolean =>
  conditions.every(({ key, match }) => match.any.includes(String(fieldOf(payload, key))))

const wordsOf = ({ text }: Document): ReadonlySet<string> => new Set(text.split(' '))

function stored({ id, vector, payload }: GivenPoint): StoredPoint {
  const [dense, words] = Array.isArray(vector) ? [vector, new Set<string>()] : [vector[''], wordsOf(vector.words)]
  return { id, vector: normalise(Float32Array.from(dense)), words, payload }
}

/** By cosine with numbers; by how many of a document's words a point holds, which keeps nothing of BM25 but what is found. */
function scoring(query: number[] | Document): (point: StoredPoint) => number {
  if (Array.isArray(query)) {
    const vector = normalise(Float32Array.from(query))
    return (point) => dot(point.vector, vector)
  }
  const words = wordsOf(query)
  return (point) => [...words].filter((word) => point.words.has(word)).length
}

/**
 * A vector index that several processes share, where no Qdrant can be had: it answers the part of Qdrant's REST interface that the driver
 * uses, in memory and by comparing everything. What it stands in for is the sharing alone, in the tests of roles that run apart; the driver
 * itself is tested against a real Qdrant (`QDRANT_URL`), which these tests use too where there is one.
 */
export async function startSharedIndex(): Promise<StartedServer> {
  const real = process.env['QDRANT_URL']
  if (real !== undefined && real !== '') return { address: real, stop: async () => undefined }

  const collections = new Map<string, Collection>()
  const aliases = new Map<string, string>()
  const app = new Hono<{ Variables: { collection: Collection } }>()
  const result = (value: unknown) => Response.json({ result: value, status: 'ok', time: 0 })
  const completed = () => result({ operation_id: 0, status: 'completed' })

  app.get('/', () => Response.json({ title: 'shared index', version: '1.18.0' }))
  app.get('/collections', () => result({ collections: [...collections.keys()].map((name) => ({ name })) }))
  app.get('/aliases', () =>
    result({ aliases: [...aliases].map(([alias_name, collection_name]) => ({ alias_name, collection_name })) }),
  )
  app.post('/collections/aliases', async (context) => {
    const { actions } = await context.req.json<{
      actions: { create_alias?: { alias_name: string; collection_name: string } }[]
    }>()
    for (const { create_alias: made } of actions) if (made) aliases.set(made.alias_name, made.collection_name)
    return result(true)
  })
  app.put('/collections/:name', async (context) => {
    const name = context.req.param('name')
    if (collections.has(name)) return Response.json({ status: { error: 'it exists' } }, { status: 409 })
    const { vectors, sparse_vectors } = await context.req.json<Collection['params']>()
    collections.set(name, { params: { vectors, sparse_vectors }, points: new Map(), indexed: new Set() })
    return result(true)
  })
  app.delete('/collections/:name', (context) => {
    const name = context.req.param('name')
    for (const [alias, collection] of aliases) if (collection === name) aliases.delete(alias)
    return result(collections.delete(name))
  })

  app.use('/collections/:name/*', async (context, next) => {
    const collection = collections.get(context.req.param('name'))
    if (collection === undefined) return Response.json({ status: { error: 'Not found: Collection' } }, { status: 404 })
    context.set('collection', collection)
    return next()
  })
  app.get('/collections/:name', (context) => {
    const { params, points, indexed } = context.get('collection')
    const payload_schema = Object.fromEntries([...indexed].map((field) => [field, { data_type: 'keyword', points: 0 }]))
    return result({ status: 'green', points_count: points.size, config: { params }, payload_schema })
  })
  app.put('/collections/:name/index', async (context) => {
    context.get('collection').indexed.add((await context.req.json<{ field_name: string }>()).field_name)
    return completed()
  })
  app.put('/collections/:name/points', async (context) => {
    const given = await context.req.json<{ points: GivenPoint[] }>()
    const { points } = context.get('collection')
    for (const point of given.points) points.set(point.id, stored(point))
    return completed()
  })
  app.post('/collections/:name/points/delete', async (context) => {
    const { points } = context.get('collection')
    const { filter } = await context.req.json<{ filter: { should: RemovalCondition[] } }>()
    for (const { must, must_not } of filter.should) {
      const [{ has_id: ids }, { key, range }] = [must[0], must_not[0]]
      for (const id of ids) if (!(Number(points.get(id)?.payload[key]) > range.gt)) points.delete(id)
    }
    return completed()
  })
  const recordOf = ({ id, vector, payload }: StoredPoint) => ({ id, vector: [...vector], payload })
  app.post('/collections/:name/points', async (context) => {
    const { ids } = await context.req.json<{ ids: string[] }>()
    const { points } = context.get('collection')
    return result(ids.flatMap((id) => points.get(id) ?? []).map(recordOf))
  })
  app.post('/collections/:name/points/scroll', async (context) => {
    const { limit, offset } = await context.req.json<{ limit: number; offset?: string }>()
    const sorted = [...context.get('collection').points.keys()].sort()
    const page = sorted.slice(offset === undefined ? 0 : sorted.findIndex((id) => id >= offset)).slice(0, limit + 1)
    const points = page.slice(0, limit).map((id) => ({ id }))
    return result({ points, next_page_offset: page[limit] ?? null })
  })
  app.post('/collections/:name/points/count', (context) => result({ count: context.get('collection').points.size }))
  app.post('/collections/:name/points/query', async (context) => {
    const { query, limit, filter } = await context.req.json<{
      query: number[] | Document
      limit: number
      filter?: { must: Condition[] }
    }>()
    const score = scoring(query)
    const points = [...context.get('collection').points.values()]
      .filter((point) => passes(point, filter?.must ?? []))
      .map((point) => ({ id: point.id, version: 0, score: score(point), payload: point.payload }))
      .filter((hit) => Array.isArray(query) || hit.score > 0)
      .sort((a, b) => b.score - a.score)
    return result({ points: points.slice(0, limit) })
  })
  app.get('/collections/:name/snapshots', () => result([]))
  app.post('/collections/:name/snapshots', () => result({ name: 'none', creation_time: null, size: 0 }))

  const server = await startServer(app, { port: 0 })
  return { address: server.address, stop: () => server.stop() }
}
