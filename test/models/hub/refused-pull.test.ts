import { describe, expect, it } from 'vitest'
import { answeringServer } from '../../fixtures/answering-server.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { hubAddress } from '../../../src/models/hub/request.ts'
import { hubServer, REPOSITORY, sendFile, type Fault } from './hub-server.ts'
import { filesIn, pullFrom } from './pulling.ts'
import { tinyRepository } from './tiny-network.ts'

const TOKEN = 'hf_secretOfTheTest'
const setUp = async () => ({ hub: await hubServer(tinyRepository()), folder: await temporaryFolder() })

const answer =
  (status: number, headers: Record<string, string> = {}): Fault =>
  (_, response) => {
    response.writeHead(status, headers).end('<html>not for you</html>')
    return true
  }

describe('the token', () => {
  it('goes to the hub, and to no host that it redirects to', async () => {
    const { hub, folder } = await setUp()
    const seen: (string | undefined)[] = []
    const files = new Map(Object.entries(tinyRepository()))
    const store = await answeringServer((request, response) => {
      seen.push(request.headers.authorization)
      sendFile(request, response, Buffer.from(files.get((request.url ?? '').slice(1)) ?? ''))
    })
    hub.misbehave((request, response, file) => {
      const [, path] = /resolve\/[0-9a-f]+\/(.+)$/.exec(request.url ?? '') ?? []
      if (file === null || path?.endsWith('.onnx') !== true) return false
      response.writeHead(302, { location: `${store}/${path}` }).end()
      return true
    })
    await pullFrom({ url: hub.url, folder, token: TOKEN })
    expect(seen).toEqual([undefined])
    expect(hub.requests.map(({ headers }) => headers.authorization)).toEqual(hub.requests.map(() => `Bearer ${TOKEN}`))
  })

  it('stays where the hub redirects to itself', async () => {
    const { hub, folder } = await setUp()
    hub.misbehave((request, response) => {
      if (request.url?.startsWith('/api/models/owner/old-name/') !== true) return false
      response.writeHead(307, { location: request.url.replace('old-name', 'tiny-network') }).end()
      return true
    })
    hub.misbehave((request, response) => {
      if (request.url?.startsWith('/owner/old-name/') !== true) return false
      response.writeHead(307, { location: request.url.replace('old-name', 'tiny-network') }).end()
      return true
    })
    const model = await pullFrom({ url: hub.url, folder, name: 'owner/old-name', token: TOKEN })
    expect(model.fetched).toBe(4)
    expect(hub.requests.every(({ headers }) => headers.authorization === `Bearer ${TOKEN}`)).toBe(true)
  })

  it('is in no error', async () => {
    for (const status of [401, 403, 404, 500]) {
      const { hub, folder } = await setUp()
      hub.misbehave(answer(status))
      const error: unknown = await pullFrom({ url: hub.url, folder, token: TOKEN }).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Error)
      expect(String(error)).not.toContain(TOKEN)
      expect(String(error)).not.toContain('not for you')
    }
  })
})

describe('a redirect', () => {
  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'http://user:word@127.0.0.1/x', 'http://'])(
    'to %s is not followed',
    async (location) => {
      const { hub, folder } = await setUp()
      hub.misbehave(answer(302, { location }))
      await expect(pullFrom({ url: hub.url, folder })).rejects.toMatchObject({ code: 'hub-refused' })
      expect(hub.requests).toHaveLength(1)
    },
  )

  it('without end is given up', async () => {
    const { hub, folder } = await setUp()
    hub.misbehave((request, response) => {
      response.writeHead(302, { location: request.url }).end()
      return true
    })
    await expect(pullFrom({ url: hub.url, folder })).rejects.toMatchObject({ code: 'hub-refused' })
    expect(hub.requests.length).toBeLessThan(10)
  })
})

describe('a refusal', () => {
  it.each([
    [404, {}, 'model-not-found', /check the name/],
    [404, { 'x-error-code': 'RevisionNotFound' }, 'model-not-found', /check the revision/],
    [401, { 'x-error-code': 'RepoNotFound' }, 'hub-refused', /set HF_TOKEN/],
    [403, { 'x-error-code': 'GatedRepo' }, 'hub-refused', /ask on its page at the hub/],
    [401, { 'x-error-code': 'GatedRepo' }, 'hub-refused', /ask on its page at the hub/],
    [418, {}, 'hub-refused', /answers 418/],
  ] as const)('%i %o says what to do', async (status, headers, code, message) => {
    const { hub, folder } = await setUp()
    hub.misbehave(answer(status, headers))
    const refusal = { code, message: expect.stringMatching(message) as string }
    await expect(pullFrom({ url: hub.url, folder })).rejects.toMatchObject(refusal)
    expect(await filesIn(folder)).toEqual([])
  })

  it('of an unknown revision comes from the hub itself', async () => {
    const { hub, folder } = await setUp()
    const pull = pullFrom({ url: hub.url, folder, name: `${REPOSITORY}@no-such-branch` })
    await expect(pull).rejects.toMatchObject({ code: 'model-not-found' })
  })

  it.each(['<html>', '[]', '{"sha":"main","siblings":[]}', '{"siblings":[{"rfilename":"config.json"}]}'])(
    'is made of an answer such as %s',
    async (text) => {
      const url = await answeringServer((_, response) => void response.end(text))
      const pull = pullFrom({ url, folder: await temporaryFolder() })
      await expect(pull).rejects.toMatchObject({ code: 'hub-refused' })
    },
  )

  it('is made of an answer without end', async () => {
    const url = await answeringServer((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(' '.repeat(1024 * 1024)));
      }
      response.on('drain', more)
      more()
    })
    const pull = pullFrom({ url, folder: await temporaryFolder() })
    await expect(pull).rejects.toMatchObject({ code: 'hub-refused' })
  })
})

describe('the address of a hub', () => {
  it('may have a path', async () => {
    const { hub, folder } = await setUp()
    const mirror = await answeringServer((request, response) => {
      const location = `${hub.url}${(request.url ?? '').replace('/mirror/hub', '')}`
      response.writeHead(302, { location }).end()
    })
    expect((await pullFrom({ url: `${mirror}/mirror/hub/`, folder })).fetched).toBe(4)
  })

  it.each(['http://user:word@hub', 'http://hub/?key=word', 'nonsense'])('%s is refused without repeating it', (url) => {
    const refusal = expect.objectContaining({
      code: 'configuration-invalid',
      message: expect.not.stringMatching(/word@|=word|nonsense/) as string,
    }) as Error
    expect(() => hubAddress(url, undefined)).toThrow(refusal)
  })

  it('goes with no token of several lines', () => {
    expect(() => hubAddress('http://hub', 'a\r\nhost: b')).toThrow(/HUB_TOKEN/)
  })
})
