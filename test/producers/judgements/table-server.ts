import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

type Answer = (request: IncomingMessage, response: ServerResponse, url: URL) => void

/** A server on a free port that answers as it is told to, until the test ends; and what it was asked. */
export async function serveTable(answer: Answer) {
  const asked: { readonly url: URL; readonly authorization: string | undefined }[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://table')
    asked.push({ url, authorization: request.headers.authorization })
    answer(request, response, url)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(stop)
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, stop }
}

export type Row = Readonly<Record<string, unknown>>

/** As PostgREST does: an ordered page of rows, of no more than `mostRows`. */
export const pagesOf =
  (rows: readonly Row[], mostRows = Infinity): Answer =>
  (_request, response, url) => {
    const [offset, limit] = ['offset', 'limit'].map((name) => Number(url.searchParams.get(name)))
    const page = rows.slice(offset, (offset ?? 0) + Math.min(limit ?? 0, mostRows))
    response.setHeader('content-type', 'application/json; charset=utf-8')
    response.end(JSON.stringify(page))
  }
