import { describe, expect, it } from 'vitest'
import { levelOf } from '../../../../src/adapters/event-log/kafka/subject-level.ts'
import { answeringServer } from '../../../fixtures/answering-server.ts'

const answering = (status: number, body: string): Promise<string> =>
  answeringServer((_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body))

describe('the level of a subject', () => {
  it('is what is set for it, asked as the user', async () => {
    const asked: unknown[] = []
    const url = await answeringServer(({ method, url: path, headers }, response) => {
      asked.push([method, path, headers.authorization])
      response.end('{"compatibilityLevel":"BACKWARD"}')
    })
    const level = await levelOf({ url: `${url}/`, username: 'cam', password: 'secret' }, 'own/pairs-value')
    expect(level).toBe('BACKWARD')
    expect(asked).toEqual([
      ['GET', '/config/own%2Fpairs-value', `Basic ${Buffer.from('cam:secret').toString('base64')}`],
    ])
  })

  it('is null where none is set', async () => {
    expect(await levelOf({ url: await answering(404, '') }, 'pairs-value')).toBeNull()
  })

  it.each([
    [401, '{"message":"Unauthorized"}', 'configuration-invalid', /Unauthorized.*SCHEMA_REGISTRY_USERNAME/],
    [403, '', 'configuration-invalid', /status 403.*SCHEMA_REGISTRY_USERNAME/],
    [500, 'null', 'log-unavailable', /SCHEMA_REGISTRY_URL/],
    [200, '<html>', 'log-unavailable', /SCHEMA_REGISTRY_URL/],
  ])('cannot be had from status %i with %j: %s', async (status, body, code, message) => {
    await expect(levelOf({ url: await answering(status, body) }, 'pairs-value')).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    })
  })

  it('cannot be had where nobody listens', async () => {
    await expect(levelOf({ url: 'http://127.0.0.1:1' }, 'pairs-value')).rejects.toMatchObject({
      code: 'log-unavailable',
    })
  })
})
