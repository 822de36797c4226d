import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { AvroSchema } from '../../../../src/adapters/event-log/avro-bounds.ts'
import { createSchemaRegistry } from '../../../../src/adapters/event-log/kafka/schema-registry.ts'
import { answeringServer } from '../../../fixtures/answering-server.ts'

type Reply = (response: ServerResponse, request: IncomingMessage) => void

const schema: AvroSchema = {
  type: 'record',
  name: 'Note',
  namespace: 'pairstream',
  fields: [
    { name: 'text', type: ['null', 'string'] },
    { name: 'size', type: ['int', 'long'] },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
  ],
}

const text =
  (status: number, body: string, type = 'application/vnd.schemaregistry.v1+json'): Reply =>
  (response) =>
    response.writeHead(status, { 'content-type': type }).end(body)
const json = (status: number, body: unknown): Reply => text(status, JSON.stringify(body))
const known = json(200, { schema: JSON.stringify(schema) })
const page = '<html>Please log in</html>'
const stalls: Reply = () => undefined
const cutOff: Reply = (response) => {
  response.writeHead(200, { 'content-length': 1_000 })
  response.write('{"schema"', () => response.destroy())
}

/** A registry that gives these replies one after the other, the last one from then on. */
async function registryThat(...replies: Reply[]) {
  const asked: string[] = []
  const url = await answeringServer((request, response) => {
    const reply = replies[Math.min(asked.length, replies.length - 1)]
    asked.push(`${request.method} ${request.url}`)
    reply?.(response, request)
  })
  return { asked, registry: createSchemaRegistry({ url: `${url}/` }) }
}

const away = createSchemaRegistry({ url: 'http://127.0.0.1:1' })

describe('looking up a schema', () => {
  it('gives what the registry has, once for all times', async () => {
    const { registry, asked } = await registryThat(known)
    const found = await registry.schema(7)
    expect(found).toMatchObject({
      type: 'record',
      name: 'pairstream.Note',
      fields: [{ name: 'text', type: ['null', 'string'] }, { name: 'size', type: ['int', 'long'] }, { name: 'at' }],
    })
    expect(await registry.schema(7)).toEqual(found)
    expect(asked).toEqual(['GET /schemas/ids/7'])
  })

  it('gives null for an id that the registry says it does not know, and asks again for it', async () => {
    const { registry } = await registryThat(json(404, { error_code: 40403, message: 'Schema not found' }), known)
    expect(await registry.schema(7)).toBeNull()
    expect(await registry.schema(7)).toMatchObject({ name: 'pairstream.Note' })
  })

  it.each([
    ['JSON Schema', json(200, { schemaType: 'JSON', schema: '{}' })],
    ['Protobuf', json(200, { schemaType: 'PROTOBUF', schema: 'syntax="proto3"; message Note {}' })],
    ['a kind that is not known', json(200, { schemaType: 'XML', schema: '<note/>' })],
    ['no Avro', json(200, { schema: '{"type":"nothing"}' })],
    ['no JSON', json(200, { schema: 'note' })],
  ])('gives up at %s', async (_, reply) => {
    const { registry } = await registryThat(reply)
    await expect(registry.schema(7)).rejects.toMatchObject({ code: 'record-unreadable' })
  })

  it.each([
    ['fails', text(500, '')],
    ['fails with null', text(500, 'null')],
    ['fails with a page', text(502, page, 'text/html')],
    ['is asked too often', text(429, '')],
    ['refuses the user', json(401, { message: 'Unauthorized' })],
    ['refuses the user with null', text(401, 'null')],
    ['refuses the request', text(400, '')],
    ['sends elsewhere', text(302, '')],
    ['is not there, and says so in no words', text(404, '')],
    ['is not there, and a page says so', text(404, page, 'text/html')],
    ['does not know the path', json(404, { error_code: 404, message: 'HTTP 404 Not Found' })],
    ['answers with nothing', text(200, '')],
    ['answers with null', text(200, 'null')],
    ['answers with a page', text(200, page, 'text/html')],
    ['breaks the connection off', (response: ServerResponse) => response.destroy()],
  ])('waits when the registry %s: one request, and the next one may succeed', async (_, reply) => {
    const { registry, asked } = await registryThat(reply, known)
    await expect(registry.schema(7)).rejects.toMatchObject({ code: 'log-unavailable' })
    expect(asked).toHaveLength(1)
    expect(await registry.schema(7)).toMatchObject({ name: 'pairstream.Note' })
  })

  it('waits when nobody listens', async () => {
    await expect(away.schema(7)).rejects.toMatchObject({ code: 'log-unavailable' })
  })

  it('waits a while for a registry that stalls or cuts its answer off, and asks anew afterwards', async () => {
    const registries = await Promise.all([registryThat(stalls, known), registryThat(cutOff, known)])
    const first = await Promise.allSettled(registries.map(({ registry }) => registry.schema(7)))
    expect(first).toMatchObject(first.map(() => ({ status: 'rejected', reason: { code: 'log-unavailable' } })))
    for (const { registry } of registries) expect(await registry.schema(7)).toMatchObject({ name: 'pairstream.Note' })
  }, 20_000)
})

describe('registering a schema', () => {
  const noLevel = json(404, { error_code: 40408, message: 'No level is set' })
  const level = (compatibilityLevel: string): Reply => json(200, { compatibilityLevel })
  const conflict = json(409, { error_code: 409, message: 'The new field has no default' })
  const given = json(200, { id: 12 })
  const full = level('FULL_TRANSITIVE')

  it('sets the level of a subject that has none, before it has a schema', async () => {
    const { registry, asked } = await registryThat(noLevel, text(200, ''), full, given)
    expect(await registry.register('own/pairs-value', schema)).toBe(12)
    expect(asked).toEqual([
      'GET /config/own%2Fpairs-value',
      'PUT /config/own%2Fpairs-value',
      'GET /config/own%2Fpairs-value',
      'POST /subjects/own%2Fpairs-value/versions',
    ])
  })

  it('refuses a subject of another level, and changes nothing', async () => {
    const { registry, asked } = await registryThat(level('BACKWARD'))
    await expect(registry.register('pairs-value', schema)).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: 'The schema registry has compatibility BACKWARD for pairs-value; set it to FULL_TRANSITIVE.',
    })
    expect(asked).toEqual(['GET /config/pairs-value'])
  })

  it('says why the registry finds a schema incompatible', async () => {
    const { registry } = await registryThat(full, full, conflict, full, conflict)
    await expect(registry.register('pairs-value', schema)).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: 'The schema registry refuses the schema of pairs-value: The new field has no default',
    })
  })

  it.each([
    ['the schema', [full, full, conflict, full]],
    ['the level', [noLevel, text(409, ''), full, full]],
  ])('takes %s that another start has put in its way at the same time', async (_, replies) => {
    const { registry } = await registryThat(...replies, given)
    expect(await registry.register('pairs-value', schema)).toBe(12)
  })

  it.each([
    ['401', [json(401, { message: 'Unauthorized' })]],
    ['403 when it sets the level', [noLevel, text(403, '')]],
    ['401 when it registers', [full, full, json(401, { message: 'Unauthorized' })]],
    ['403 with null when it registers', [full, full, text(403, 'null')]],
  ])('names the setting of the user for status %s', async (_, replies) => {
    const { registry } = await registryThat(...replies)
    await expect(registry.register('pairs-value', schema)).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringContaining('SCHEMA_REGISTRY_USERNAME') as string,
    })
  })

  it('sends the user and the password', async () => {
    const seen = new Set<string | undefined>()
    const url = await answeringServer((request, response) => {
      seen.add(request.headers.authorization)
      const reply = request.method === 'POST' ? given : full
      reply(response, request)
    })
    await createSchemaRegistry({ url, username: 'cam', password: 'søt' }).register('pairs-value', schema)
    expect([...seen]).toEqual([`Basic ${Buffer.from('cam:søt').toString('base64')}`])
  })

  it('keeps pages out of its messages', async () => {
    const { registry } = await registryThat(full, text(404, page, 'text/html'))
    await expect(registry.register('pairs-value', schema)).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: 'The schema registry refuses the schema of pairs-value: status 404',
    })
  })

  it.each([
    ['before it tells the level', [text(500, '')]],
    ['before it sets the level', [noLevel, text(500, 'null'), noLevel]],
    ['before it tells the package the level', [full, text(500, 'null')]],
    ['before it takes the schema', [full, full, text(503, '')]],
    ['and answers with a page', [full, full, text(200, page, 'text/html')]],
  ])('is unavailable while the registry fails %s', async (_, replies) => {
    const { registry, asked } = await registryThat(...replies)
    await expect(registry.register('pairs-value', schema)).rejects.toMatchObject({ code: 'log-unavailable' })
    expect(asked).toHaveLength(replies.length)
  })

  it('is unavailable while nobody listens', async () => {
    await expect(away.register('pairs-value', schema)).rejects.toMatchObject({ code: 'log-unavailable' })
  })
})
