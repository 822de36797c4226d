import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sha256Hex } from '../../../src/core/ids.ts'
import { answeringServer } from '../../fixtures/answering-server.ts'

export const COMMIT = '5f1d0c2b9b0e4a7d8c3f2a1b0c9d8e7f6a5b4c3d'
export const REPOSITORY = 'owner/tiny-network'

export type HubFiles = Readonly<Record<string, Uint8Array | string>>

/** Answers in the hub's place where it gives true; `file` is what was asked for, null for the listing. */
export type Fault = (request: IncomingMessage, response: ServerResponse, file: Buffer | null) => boolean

export type HubServer = {
  readonly url: string
  /** Every request so far, as `GET path` with its headers. */
  readonly requests: readonly { readonly path: string; readonly headers: IncomingMessage['headers'] }[]
  /** The paths within the repository of the files that were asked for. */
  fetched(): string[]
  misbehave(fault: Fault): void
  /** Changes what the listing says of files. */
  announce(path: string, facts: Readonly<Record<string, unknown>>): void
}

const gitBlob = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

/** What Git would not keep in itself. */
const isLarge = (path: string): boolean => /\.(onnx|onnx_data|safetensors|bin)$/.test(path)

/** A hub with one model, in the interface of Hugging Face's, on the loopback interface until the test has ended. */
export async function hubServer(
  files: HubFiles,
  branches: readonly string[] = ['main'],
  repository = REPOSITORY,
): Promise<HubServer> {
  const requests: { path: string; headers: IncomingMessage['headers'] }[] = []
  const faults: Fault[] = []
  const contents = new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]))
  const announced = new Map<string, Readonly<Record<string, unknown>>>()
  const prefix = `/${repository}/resolve/${COMMIT}/`
  const revisions = `/api/models/${repository}/revision/`

  function listing(): string {
    const siblings = [...contents].map(([path, bytes]) => ({
      rfilename: path,
      size: bytes.length,
      blobId: gitBlob(bytes),
      ...(isLarge(path) ? { lfs: { sha256: sha256Hex(bytes), size: bytes.length, pointerSize: 130 } } : {}),
      ...announced.get(path),
    }))
    const extra = [...announced].filter(([path]) => !contents.has(path))
    const others = extra.map(([path, facts]) => ({ rfilename: path, ...facts }))
    return JSON.stringify({
      id: repository,
      sha: COMMIT,
      cardData: { license: 'apache-2.0' },
      siblings: [...siblings, ...others],
    })
  }

  const url = await answeringServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://hub')
    requests.push({ path: pathname, headers: request.headers })
    const file = contents.get(decodeURIComponent(pathname.slice(prefix.length))) ?? null
    if (faults.some((fault) => fault(request, response, file))) return
    const revision = pathname.startsWith(revisions) ? pathname.slice(revisions.length) : ''
    if (revision !== '') {
      if ([...branches, COMMIT].includes(decodeURIComponent(revision))) {
        response.setHeader('content-type', 'application/json').end(listing())
      } else response.writeHead(404, { 'x-error-code': 'RevisionNotFound' }).end()
    } else if (!pathname.startsWith(prefix) || file === null) {
      response.writeHead(404, { 'x-error-code': 'RepoNotFound' }).end()
    } else sendFile(request, response, file)
  })
  return {
    url,
    requests,
    fetched: () => requests.filter(({ path }) => path.startsWith(prefix)).map(({ path }) => path.slice(prefix.length)),
    misbehave: (fault) => void faults.push(fault),
    announce: (path, facts) => void announced.set(path, facts),
  }
}

/** Sends a file, or the rest of it where the request asks for that and its tag still holds. */
export function sendFile(request: IncomingMessage, response: ServerResponse, file: Buffer): void {
  const etag = `"${sha256Hex(file)}"`
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? []
  const ifRange = request.headers['if-range']
  response.setHeader('etag', etag)
  if (from === undefined || (ifRange !== undefined && ifRange !== etag)) {
    response.setHeader('content-length', file.length).end(file)
    return
  }
  const begin = Number(from)
  if (begin >= file.length) {
    response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end()
    return
  }
  const range = `bytes ${begin}-${file.length - 1}/${file.length}`
  response.writeHead(206, { 'content-range': range, 'content-length': file.length - begin }).end(file.subarray(begin))
}

/**
 * Sends the first half of a file under its whole length, and cuts the connection once it has come through: what is still on its way then
 * is lost or not, as it happens.
 */
export function sendHalf(response: ServerResponse, file: Buffer, hasCome: Promise<void>): void {
  response.write(file.subarray(0, file.length >> 1))
  void hasCome.then(() => response.socket?.end())
}

/** Misbehaves as often as told for requests whose path ends so. */
export function times(count: number, ending: string, fault: Fault): Fault {
  let left = count
  return (request, response, file) => {
    if (left === 0 || !(request.url ?? '').split('?')[0]?.endsWith(ending)) return false
    left--
    return fault(request, response, file)
  }
}
