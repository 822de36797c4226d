import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript'
import { format, resolveConfig } from 'prettier'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { runningApi } from '../api/fixtures/running-api.ts'

const file = resolve(import.meta.dirname, '../../src/client/schema.ts')

it('is what the OpenAPI document gives; `npx vitest run test/client --update` writes it anew', async () => {
  const { app } = await runningApi()
  const document = (await (await app.request('/openapi.json')).json()) as Parameters<typeof openapiTS>[0]
  const types = COMMENT_HEADER + astToString(await openapiTS(document, { defaultNonNullable: false }))
  await expect(await format(types, { ...(await resolveConfig(file)), filepath: file })).toMatchFileSnapshot(file)
})
