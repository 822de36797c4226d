import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, it, onTestFinished, vi } from 'vitest'
import { answeringServer } from '../fixtures/answering-server.ts'
import { startHoldingProxy } from '../servers/faults/holding-proxy.ts'
import { dropCollections, qdrantKey } from '../servers/index-collections.ts'

/** A server like a Qdrant that asks for the key, with collections of ours and of another; what it was asked to delete. */
async function keyedIndex() {
  vi.stubEnv('QDRANT_API_KEY', 'a key')
  onTestFinished(() => void vi.unstubAllEnvs())
  const deleted: string[] = []
  const answer = ({ method, url = '', headers }: IncomingMessage, response: ServerResponse): void => {
    if (headers['api-key'] !== 'a key') {
      response.writeHead(401).end()
      return
    }
    if (method === 'DELETE') deleted.push(url)
    const collections = ['ours-images_g1', 'theirs-images_g1'].map((name) => ({ name }))
    const result = url.endsWith('/snapshots') ? [{ name: 'one' }] : { collections }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ result }))
  }
  return { address: await answeringServer(answer), deleted }
}

it('hands the key of the index on, and deletes with it the collections of a prefix and their snapshots', async () => {
  const { address, deleted } = await keyedIndex()
  expect(qdrantKey()).toEqual({ QDRANT_API_KEY: 'a key' })
  await dropCollections(address, 'ours-')
  expect(deleted).toEqual(['/collections/ours-images_g1/snapshots/one', '/collections/ours-images_g1'])
})

it('passes the key on to an index behind the proxy that holds requests', async () => {
  const { address } = await keyedIndex()
  const proxy = await startHoldingProxy(address)
  onTestFinished(() => proxy.stop())
  const asked = (key: string) => fetch(`${proxy.address}/collections`, { headers: { 'api-key': key } })
  expect([(await asked('a key')).status, (await asked('another')).status]).toEqual([200, 401])
})

it('deletes nothing where no server answers, and says so where one refuses', async () => {
  await expect(dropCollections('http://127.0.0.1:9', 'ours-')).resolves.toBeUndefined()
  const { address } = await keyedIndex()
  vi.stubEnv('QDRANT_API_KEY', '')
  await expect(dropCollections(address, 'ours-')).rejects.toThrow('401')
})
