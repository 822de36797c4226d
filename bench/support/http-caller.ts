import { Agent, request, type RequestOptions } from 'node:http'

export type HttpAnswer = { readonly status: number; readonly body: string }

/** Calls an HTTP server over connections that are kept, at most `connections` at a time. */
export function createHttpCaller(address: string, connections: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })

  const call = (path: string, options: RequestOptions = {}, body?: string): Promise<HttpAnswer> =>
    new Promise((resolve, reject) => {
      const sent = request(new URL(path, address), { ...options, agent }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }),
        )
        response.on('error', reject)
      })
      sent.on('error', reject)
      sent.end(body)
    })

  return {
    /** Rejects on a status other than 200. */
    async get(path: string): Promise<string> {
      const { status, body } = await call(path)
      if (status !== 200) throw new Error(`GET ${path} was answered with ${status}: ${body}`)
      return body
    },
    /** Whatever the status. */
    tryGet: (path: string) => call(path),
    /** Sends JSON; rejects on a status other than 200 and 202. */
    async post(path: string, value: unknown): Promise<string> {
      const text = JSON.stringify(value)
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
      const { status, body } = await call(path, { method: 'POST', headers }, text)
      if (status !== 200 && status !== 202) throw new Error(`POST ${path} was answered with ${status}: ${body}`)
      return body
    },
    close: () => agent.destroy(),
  }
}
