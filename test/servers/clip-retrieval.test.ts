import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it, onTestFinished } from 'vitest'
import { startServer } from '../../src/api/server.ts'
import { createColourEncoder, picture } from '../api/fixtures/colour-encoder.ts'
import { runningApi } from '../api/fixtures/running-api.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { pythonWith } from './interoperability/python-environment.ts'

/** clip-retrieval's client and what it needs; without PyTorch and the rest of its package (10 s to install, 5 MB). */
const PACKAGES = [
  '--no-deps',
  'clip-retrieval==2.45.0',
  'requests==2.34.2',
  'urllib3==2.8.0',
  'idna==3.20',
  'certifi==2026.10.18',
  'charset-normalizer==3.5.2',
]

type Result = { readonly id: string; readonly similarity: number; readonly url: string; readonly caption: string }

it("is asked by clip-retrieval's own client, with texts, pictures and embeddings", async () => {
  const python = await pythonWith(PACKAGES)
  const { app, publish, release } = await runningApi()
  const red = await publish('red', 'a red square')
  const blue = await publish('blue', 'the blue sea')
  await release('m-1', 'g1')
  const server = await startServer(app, { port: 0 })
  onTestFinished(() => server.stop())
  const path = join(await temporaryFolder(), 'blue.png')
  await writeFile(path, await picture('blue', 3))
  const [embedding] = await createColourEncoder('m-1').encodeTexts(['blue'])

  const program = join(import.meta.dirname, 'interoperability', 'clip_client.py')
  const child = spawn(python, [program, server.address, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify([...(embedding ?? [])]))
  const exited = once(child, 'exit')
  const output = await text(child.stdout)
  await exited
  expect(child.exitCode).toBe(0)
  const answers = JSON.parse(output) as Record<'text' | 'image' | 'captions' | 'embedding', Result[]> & {
    address: { code: string }
  }
  expect(answers.text.map(({ id }) => id)).toEqual([red.imageId, blue.imageId])
  expect(answers.text[0]).toEqual({
    id: red.imageId,
    similarity: expect.closeTo(1, 5) as number,
    url: `${server.address}/v1/images/${red.imageId}/content`,
    caption: 'a red square',
  })
  expect((await fetch(answers.text[0]?.url ?? '')).headers.get('content-type')).toBe('image/png')
  expect(answers.image.map(({ id }) => id)).toEqual([blue.imageId])
  expect(answers.captions[0]).toMatchObject({ id: blue.pairId, caption: 'the blue sea' })
  expect(answers.embedding[0]?.id).toBe(blue.imageId)
  expect(answers.address.code).toBe('invalid-request')
})
