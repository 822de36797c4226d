import { expect, it } from 'vitest'
import { createServing, type Served } from '../../src/api/serving.ts'
import type { CurrentRelease } from '../../src/catalogue/catalogue.ts'
import { AppError } from '../../src/core/errors.ts'
import { releaseIdOf } from '../../src/core/ids.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { createColourEncoder } from './fixtures/colour-encoder.ts'
import { runningApi } from './fixtures/running-api.ts'

const release = (modelVersion: string, generation: string): CurrentRelease => ({
  modelVersion,
  generation,
  release: {
    releaseId: releaseIdOf(null, 'promoted', modelVersion),
    follows: null,
    state: 'promoted',
    modelVersion,
    generation,
    reason: 'better',
    evidence: null,
    decidedAt: 0,
  },
})

const serveColours = () => {
  const closed: string[] = []
  const opened: string[] = []
  const serving = createServing({
    openEncoder: async (version) => {
      opened.push(version)
      if (version === 'm-broken') throw new AppError('model-corrupt', 'damaged')
      return createColourEncoder(version, () => closed.push(version))
    },
  })
  return { serving, opened, closed }
}

it('says no-model while nothing is served', async () => {
  const { serving } = serveColours()
  expect(serving.current()).toBeNull()
  await expect(serving.hold(async () => 1)).rejects.toMatchObject({ code: 'no-model' })
})

it('keeps a request on the release that it began with, and closes the old encoder after the last of them', async () => {
  const { serving, closed } = serveColours()
  await serving.switchTo(release('m-1', 'g1'))
  const first = promise()
  const second = promise()
  const versions: string[] = []
  const holdUntil = (end: Promise<void>) =>
    serving.hold(async (served: Served) => {
      await end
      const [vector] = await served.encoder.encodeTexts(['red'])
      versions.push(`${served.modelVersion}/${served.generation}/${vector?.length ?? 0}`)
    })
  const requests = [holdUntil(first.promise), holdUntil(second.promise)]
  await serving.switchTo(release('m-2', 'g2'))
  expect(serving.current()?.generation).toBe('g2')
  first.resolve()
  await requests[0]
  expect(closed).toEqual([])
  second.resolve()
  await requests[1]
  expect(closed).toEqual(['m-1'])
  expect(versions).toEqual(['m-1/g1/64', 'm-1/g1/64'])
})

it('goes on with the old release when the new model cannot be opened', async () => {
  const { serving, closed } = serveColours()
  await serving.switchTo(release('m-1', 'g1'))
  await expect(serving.switchTo(release('m-broken', 'g2'))).rejects.toMatchObject({ code: 'model-corrupt' })
  expect(serving.current()?.modelVersion).toBe('m-1')
  await serving.switchTo(release('m-3', 'g3'))
  expect(serving.current()?.modelVersion).toBe('m-3')
  expect(closed).toEqual(['m-1'])
})

it('opens a model once where only its release record or its generation changes', async () => {
  const { serving, opened, closed } = serveColours()
  await serving.switchTo(release('m-1', 'g1'))
  await serving.switchTo(release('m-1', 'g2'))
  expect(serving.current()?.generation).toBe('g2')
  expect([opened, closed]).toEqual([['m-1'], []])
})

it('takes switches in the order in which they were asked for', async () => {
  const { serving, closed } = serveColours()
  await Promise.all(['1', '2', '3'].map((n) => serving.switchTo(release(`m-${n}`, `g${n}`))))
  expect(serving.current()?.generation).toBe('g3')
  await serving.close()
  expect(serving.current()).toBeNull()
  expect(closed).toEqual(['m-1', 'm-2', 'm-3'])
})

it('fails no search and mixes no model with the index of another while it switches under load', async () => {
  const { publish, release: build, catalogue, serving, search } = await runningApi()
  for (const colour of ['red', 'green', 'blue'] as const) await publish(colour, `a ${colour} thing`)
  await build('m-1', 'g1')
  const first = catalogue.currentRelease()
  await build('m-2', 'g2')
  const second = catalogue.currentRelease()

  let switching = true
  const seen = new Map<string, number>()
  const client = async () => {
    while (switching) {
      const input = { kind: 'text', text: 'red' } as const
      const result = await search.search({ input, target: 'images', mode: 'vector', limit: 1, offset: 0, filter: {} })
      const [hit] = result.hits
      expect([hit?.modelVersion, hit?.generation]).toEqual([result.modelVersion, result.generation])
      // The other model's vector for "red" is at a cosine near 0 with everything here.
      expect(hit?.score).toBeGreaterThan(0.999)
      const served = `${result.modelVersion ?? ''}/${result.generation ?? ''}`
      seen.set(served, (seen.get(served) ?? 0) + 1)
    }
  }
  const clients = Array.from({ length: 8 }, client)
  for (let i = 0; i < 60; i++) {
    await serving.switchTo(i % 2 === 0 ? first : second)
    await new Promise(setImmediate)
  }
  switching = false
  await Promise.all(clients)
  expect([...seen.keys()].sort()).toEqual(['m-1/g1', 'm-2/g2'])
})
