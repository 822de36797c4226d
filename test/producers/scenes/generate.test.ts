import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { imageIdOf } from '../../../src/core/ids.ts'
import { inspectImage } from '../../../src/models/decode-image.ts'
import { isNovel } from '../../../src/producers/scenes/facts.ts'
import { generateScenes, scenesIn, type Scene, type SceneOptions } from '../../../src/producers/scenes/generate.ts'
import { satisfies } from '../../../src/producers/scenes/relevance.ts'

async function gather(options: SceneOptions): Promise<Scene[]> {
  const scenes: Scene[] = []
  for await (const scene of generateScenes(options)) scenes.push(scene)
  return scenes
}

const novelWords = /\b(stars?|purple|behind|in front of)\b/
const textsOf = (scenes: readonly Scene[]): string[] =>
  scenes.flatMap(({ captions }) => captions.map(({ text }) => text))

describe('the scenes of the demo', () => {
  let scenes: Scene[] = []
  let training: Scene[] = []
  let validation: Scene[] = []
  beforeAll(async () => {
    scenes = await gather({})
    training = scenes.filter(({ split }) => split === 'train')
    validation = scenes.filter(({ split }) => split === 'validation')
  })

  it('are 1,200 different pictures with three captions each, a good fifth of them for validation', async () => {
    expect(scenes).toHaveLength(1_200)
    expect(new Set(scenes.map(({ picture }) => imageIdOf(picture))).size).toBe(1_200)
    expect(scenes.every(({ captions }) => captions.length === 3)).toBe(true)
    expect(validation).toHaveLength(264)
    expect(validation.every(({ part }) => part === 'first')).toBe(true)
    const hashes = await Promise.all(
      validation.map(async ({ picture }) => (await inspectImage(picture)).perceptualHash),
    )
    expect(new Set(hashes).size).toBeGreaterThan(260)
  })

  it('teach nothing of stars, purple and behind in the first part, and much in the stream', () => {
    const first = training.filter(({ part }) => part === 'first')
    const stream = training.filter(({ part }) => part === 'stream')
    expect(first.length).toBeGreaterThan(500)
    expect(first.some(({ facts }) => isNovel(facts))).toBe(false)
    expect(textsOf(first).filter((text) => novelWords.test(text))).toEqual([])
    expect(stream.filter(({ facts }) => isNovel(facts)).length / stream.length).toBeGreaterThan(0.65)
    for (const word of [/\bstars?\b/, /\bpurple\b/, /\bbehind\b/]) {
      expect(textsOf(stream).filter((text) => word.test(text)).length).toBeGreaterThan(100)
      expect(textsOf(validation).filter((text) => word.test(text)).length).toBeGreaterThan(20)
    }
    const novel = validation.filter(({ facts }) => isNovel(facts)).length / validation.length
    expect(novel).toBeGreaterThan(0.3)
    expect(novel).toBeLessThan(0.5)
  })

  it('satisfy their own captions, and a caption picks out a few scenes', () => {
    const statements = validation.flatMap(({ captions }) => captions.map(({ states }) => states))
    const relevant = statements.map((states) => validation.filter(({ facts }) => satisfies(facts, states)).length)
    expect(Math.min(...relevant)).toBe(1)
    expect(Math.max(...relevant)).toBeLessThan(20)
    expect(relevant.filter((count) => count > 1).length / relevant.length).toBeGreaterThan(0.1)
    for (const { facts, captions } of scenes) {
      for (const { text, states } of captions) expect(satisfies(facts, states), text).toBe(true)
    }
  })

  it('are told in right English', () => {
    for (const text of textsOf(scenes)) {
      expect(text).not.toMatch(/\ba [aeiou]|\ban [^aeiou]|crosss|undefined|\bno\b| {2}/)
      expect(text).not.toMatch(/\b(two|three)( (small|large))? \w+ (circle|square|triangle|heart|cross|star)\b/)
      expect(text).not.toMatch(/there is (two|three)|there are an? /)
    }
  })
})

describe('generateScenes', () => {
  it('gives the same scenes for a seed, others for another, and parts that make up the whole', async () => {
    const bytes = (scenes: readonly Scene[]): string[] => scenes.map(({ picture }) => imageIdOf(picture))
    const all = await gather({ count: 50, seed: 7 })
    expect(bytes(await gather({ count: 50, seed: 7 }))).toEqual(bytes(all))
    expect(bytes(await gather({ count: 50, seed: 8 }))).not.toEqual(bytes(all))
    const parts = [
      ...(await gather({ count: 50, seed: 7, part: 'first' })),
      ...(await gather({ count: 50, seed: 7, part: 'stream' })),
    ]
    expect(bytes(parts)).toEqual(bytes(all))
    expect(scenesIn({ count: 50, part: 'first' }) + scenesIn({ count: 50, part: 'stream' })).toBe(50)
  })

  it('draws what the facts say: a large red thing in the middle is red in the middle', async () => {
    const found = (await gather({ count: 400 })).filter(({ facts: { objects } }) => {
      const [only, second] = objects
      return second === undefined && only?.place === 'middle' && only.count === 1 && only.size === 'large'
    })
    expect(found.length).toBeGreaterThan(5)
    for (const { picture, facts } of found) {
      const centre = { left: 60, top: 60, width: 8, height: 8 }
      const [r = 0, g = 0, b = 0] = await sharp(picture).extract(centre).resize(1, 1).removeAlpha().raw().toBuffer()
      const seen = r > g && r > b ? 'warm' : g > b ? 'green' : 'blue'
      const { colour } = facts.objects[0] ?? {}
      const expected = colour === 'green' ? 'green' : colour === 'blue' || colour === 'purple' ? 'blue' : 'warm'
      expect(seen, colour).toBe(expected)
    }
  })
})
