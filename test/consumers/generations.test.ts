import { describe, expect, it } from 'vitest'
import { createEmbedHandler } from '../../src/consumers/embed.ts'
import { createGenerations, type GenerationsDependencies } from '../../src/consumers/generations.ts'
import { embedGroup } from '../../src/core/consumer-groups.ts'
import { AppError } from '../../src/core/errors.ts'
import type { ReleaseState } from '../../src/core/events.ts'
import { numbered } from '../fixtures/pair-events.ts'
import { PARTITIONS, platform, type Platform } from './consumer-harness.ts'
import { createWordEncoder, DIMENSION } from './word-encoder.ts'

const HOUR = 3_600_000

function keep(made: Platform, changes: Partial<GenerationsDependencies> = {}) {
  const encoders: ReturnType<typeof createWordEncoder>[] = []
  const generations = createGenerations({
    ...made,
    openEncoder: async (version) => {
      const encoder = createWordEncoder(version)
      encoders.push(encoder)
      return encoder
    },
    startEmbedding: (generation, encoder) =>
      made.start(createEmbedHandler({ ...made, generation, encoder, partitions: PARTITIONS, batch: 8 })),
    retirementDelay: HOUR,
    ...changes,
  })
  return { generations, encoders }
}

const say = async ({ catalogue, releases }: Platform, state: ReleaseState, number: number) => {
  const follows = catalogue.releases().at(-1)?.releaseId ?? null
  await releases.append({
    follows,
    state,
    modelVersion: `m-${number}`,
    generation: `g${number}`,
    reason: '',
    evidence: null,
  })
}

const stored = async ({ index }: Platform) => (await index.generations()).map(({ generation }) => generation).sort()

describe('the groups of generations', () => {
  it('start with the build, fill it from the first record, and end with the retirement', async () => {
    const made = await platform()
    await made.log.append(numbered('one', 12))
    const { generations, encoders } = keep(made)
    expect(await generations.step()).toBe(false)
    await say(made, 'building', 1)
    expect(await generations.step()).toBe(true)
    expect(await generations.step()).toBe(false)
    await made.passed(embedGroup('g1'))
    expect((await made.index.generations())[0]?.counts).toEqual({ images: 1, captions: 12 })
    await say(made, 'promoted', 1)
    await say(made, 'building', 2)
    await generations.step()
    await made.passed(embedGroup('g2'))
    await say(made, 'promoted', 2)
    await say(made, 'retired', 1)
    expect(await generations.step()).toBe(true)
    expect(encoders.map((encoder) => encoder.isClosed())).toEqual([true, false])
    await made.log.append(numbered('two', 3))
    await made.passed(embedGroup('g2'))
    expect((await made.index.generations()).map(({ counts }) => counts.captions)).toEqual([12, 15])
    await generations.stop()
    expect(encoders.every((encoder) => encoder.isClosed())).toBe(true)
  })

  it('delete what is retired after the delay, with its offsets', async () => {
    const made = await platform()
    await made.log.append(numbered('one', 3))
    const { generations } = keep(made)
    await say(made, 'building', 1)
    await generations.step()
    await made.passed(embedGroup('g1'))
    await say(made, 'building', 2)
    await say(made, 'promoted', 2)
    await say(made, 'retired', 1)
    await generations.step()
    made.setForward(HOUR - 10_000)
    await generations.step()
    expect(await stored(made)).toEqual(['g1', 'g2'])
    made.setForward(10_001)
    expect(await generations.step()).toBe(true)
    expect(await stored(made)).toEqual(['g2'])
    expect(await made.log.groups()).not.toContain(embedGroup('g1'))
    expect(await generations.step()).toBe(false)
    await generations.stop()
  })

  it('finish a deletion that a crash cut off', async () => {
    const made = await platform()
    await say(made, 'building', 1)
    await say(made, 'retired', 1)
    await made.index.create('g1', DIMENSION)
    made.setForward(HOUR)
    let failures = 1
    const index = {
      ...made.index,
      async drop(generation: string) {
        if (failures-- > 0) throw new AppError('index-unavailable', 'It is away.')
        await made.index.drop(generation)
      },
    }
    const { generations } = keep(made, { index })
    await expect(generations.step()).rejects.toMatchObject({ code: 'index-unavailable' })
    await generations.step()
    expect(await stored(made)).toEqual([])
  })

  it('go on with the others where a model cannot be opened, and say so', async () => {
    const made = await platform()
    await made.log.append(numbered('one', 3))
    await say(made, 'building', 1)
    await say(made, 'promoted', 1)
    await say(made, 'building', 2)
    let isDamaged = true
    const { generations } = keep(made, {
      openEncoder: async (version) => {
        if (version === 'm-1' && isDamaged) throw new AppError('model-corrupt', 'A file is damaged.')
        return createWordEncoder(version)
      },
    })
    await expect(generations.step()).rejects.toMatchObject({ code: 'model-corrupt' })
    await made.passed(embedGroup('g2'))
    isDamaged = false
    await generations.step()
    await made.passed(embedGroup('g1'))
    await generations.stop()
  })

  it('begin no group once they are told to stop', async () => {
    const made = await platform()
    await say(made, 'building', 1)
    const stopping = new AbortController()
    const index = {
      ...made.index,
      async create(generation: string, dimension: number) {
        await made.index.create(generation, dimension)
        stopping.abort()
      },
    }
    const begun: string[] = []
    const startEmbedding = (generation: string) => {
      begun.push(generation)
      return { done: Promise.resolve(), reads: () => false, stop: async () => undefined }
    }
    const { generations, encoders } = keep(made, { index, startEmbedding })
    await expect(generations.step(stopping.signal)).rejects.toMatchObject({ code: 'not-ready' })
    expect(begun).toEqual([])
    expect(encoders.map((encoder) => encoder.isClosed())).toEqual([true])
  })

  it('close an encoder whose generation cannot be made', async () => {
    const made = await platform()
    await made.index.create('g1', DIMENSION + 1)
    await say(made, 'building', 1)
    const { generations, encoders } = keep(made)
    await expect(generations.step()).rejects.toThrow()
    expect(encoders.map((encoder) => encoder.isClosed())).toEqual([true])
  })

  it('say when a group has ended that should not', async () => {
    const made = await platform()
    await say(made, 'building', 1)
    const failing = { done: Promise.reject(new Error('broken')), reads: () => false, stop: async () => undefined }
    failing.done.catch(() => undefined)
    const { generations } = keep(made, { startEmbedding: () => failing })
    await generations.step()
    await expect(generations.failed).rejects.toThrow('broken')
  })
})
