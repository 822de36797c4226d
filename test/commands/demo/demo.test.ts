import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { runDemo } from '../../../src/commands/demo/demo.ts'
import { statusOf } from '../../../src/commands/demo/demo-stages.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { captionedFolder } from '../picture-folder.ts'

it('ends with 130 when it is interrupted in the middle of its story', async () => {
  const folder = await temporaryFolder()
  const dataset = join(folder, 'pictures')
  await captionedFolder(dataset, 60)
  const interrupting = new AbortController()
  const stream = new PassThrough()
  let told = ''
  stream.on('data', (chunk: Buffer) => {
    told += chunk.toString()
    if (told.includes('a first training')) interrupting.abort()
  })
  const stdout = stream as unknown as NodeJS.WriteStream
  const options = { dataset, data: join(folder, 'data'), seed: 1, exit: true }
  expect(await runDemo(options, { environment: {}, stdout, signal: interrupting.signal })).toBe(130)
  expect(told).not.toContain('the stream has ended')
})

it('fails where a training of its story failed, and not where one was superseded or its model rejected', () => {
  expect(statusOf([{ outcome: 'trained' }, { outcome: 'superseded' }])).toBe(0)
  expect(statusOf([{ outcome: 'trained' }, { outcome: 'failed' }])).toBe(1)
})
