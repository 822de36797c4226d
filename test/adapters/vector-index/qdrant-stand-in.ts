import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { Schemas } from '@qdrant/js-client-rest'
import { onTestFinished } from 'vitest'

export type SeenRequest = {
  /** Method, path and query. */
  readonly line: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: unknown
}

/** What a route does with a request: an answer in full, so that broken ones can be given too. */
export type Reply = (response: ServerResponse, request: SeenRequest) => void

/** An answer as Qdrant gives it: the result in its envelope. */
export const result =
  (value: unknown): Reply =>
  (response) =>
    void response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ result: value, status: 'ok', time: 0.001 }))

/** An error as Qdrant gives it. */
export const refusal =
  (status: number, error: string, headers: Readonly<Record<string, string>> = {}): Reply =>
  (response) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify({ status: { error }, time: 0.001 } satisfies Schemas['ErrorResponse']))

export const missing = (collection: string): Reply =>
  refusal(404, `Not found: Collection \`${collection}\` doesn't exist!`)

/** Each reply once, the last for ever. */
export function inTurn(...replies: readonly [Reply, ...Reply[]]): Reply {
  let next = 0
  return (response, request) => {
    const reply = replies[Math.min(next++, replies.length - 1)] ?? replies[0]
    reply(response, request)
  }
}

export type StandIn = {
  readonly url: string
  readonly seen: SeenRequest[]
  /** Method, path and query of every request, in order. */
  lines(): string[]
  /** The body of the last request whose line begins so. */
  bodyOf(line: string): unknown
}

/**
 * A server that answers what a test has put down for a method and path (`GET /collections`; the query is left out) and records what
 * it was asked. It knows nothing of vectors: a request without a route is answered as no Qdrant would.
 */
export async function standIn(routes: Readonly<Record<string, Reply>>): Promise<StandIn> {
  const seen: SeenRequest[] = []
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const line = `${request.method ?? ''} ${request.url ?? ''}`
    const hasBody = request.headers['content-length'] !== undefined && request.headers['content-length'] !== '0'
    const entry = { line, headers: request.headers, body: hasBody ? await json(request) : null }
    seen.push(entry)
    const reply = routes[line.replace(/\?.*/, '')]
    if (reply === undefined) response.writeHead(404).end('there is nothing here')
    else reply(response, entry)
  }
  const server = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    lines: () => seen.map(({ line }) => line),
    bodyOf: (start) => seen.findLast(({ line }) => line.startsWith(start))?.body,
  }
}

/** What Qdrant says of a collection; all that the driver reads is `dimension`, which fields are indexed, and that it holds words. */
export function collectionInfo(dimension: number, indexed: readonly string[] = ['split', 'offset']) {
  const keyword = { data_type: 'keyword', points: 0 } as const
  return {
    status: 'green',
    optimizer_status: 'ok',
    segments_count: 2,
    points_count: 0,
    indexed_vectors_count: 0,
    payload_schema: Object.fromEntries(indexed.map((field) => [field, keyword])),
    config: {
      params: {
        vectors: { size: dimension, distance: 'Cosine' },
        sparse_vectors: { words: { modifier: 'idf' } },
        shard_number: 1,
      },
      hnsw_config: { m: 16, ef_construct: 128, full_scan_threshold: 10_000 },
      optimizer_config: {
        deleted_threshold: 0.2,
        vacuum_min_vector_number: 1_000,
        default_segment_number: 0,
        flush_interval_sec: 5,
      },
    },
  } satisfies Schemas['CollectionInfo']
}

export const completed = { operation_id: 1, status: 'completed' } satisfies Schemas['UpdateResult']
