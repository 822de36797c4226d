import { describe, expect, it } from 'vitest'
import { publishSource } from '../../../src/producers/publish-source.ts'
import { satisfies, sceneOf, statementOf } from '../../../src/producers/scenes/relevance.ts'
import { scenesSource } from '../../../src/producers/scenes/scenes-source.ts'
import { createBench } from '../publishing.ts'

describe('scenesSource', () => {
  it('publishes a part, from whose records relevance can be worked out again', async () => {
    const bench = await createBench()
    const source = scenesSource({ count: 40, part: 'stream' })
    const report = await publishSource(source, await bench.publisher())
    expect(report).toMatchObject({ accepted: source.total, rejected: 0 })
    for (const { metadata, caption, split } of await bench.pairs()) {
      const [scene, statement] = [sceneOf(metadata), statementOf(metadata)]
      expect(split).toBe('train')
      expect(scene !== null && statement !== null && satisfies(scene, statement), caption ?? '').toBe(true)
    }
  })
})
