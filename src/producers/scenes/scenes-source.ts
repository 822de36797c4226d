import type { Source } from '../source.ts'
import { generateScenes, scenesIn, type SceneOptions } from './generate.ts'
import { sceneMetadata } from './relevance.ts'

const CAPTIONS_A_SCENE = 3

/** The generated scenes as a source; the metadata of every pair hold the facts of its scene and what its caption states. */
export function scenesSource(options: SceneOptions = {}): Source {
  return {
    format: 'scenes',
    describe: options.part === undefined ? 'generated scenes' : `generated scenes, ${options.part} part`,
    total: scenesIn(options) * CAPTIONS_A_SCENE,
    async *entries() {
      for await (const { number, split, facts, captions, picture } of generateScenes(options)) {
        const imageName = `scene-${String(number).padStart(5, '0')}.png`
        const image = (): Promise<Uint8Array> => Promise.resolve(picture)
        for (const { text, states } of captions) {
          const metadata = sceneMetadata(facts, states)
          yield { image, imageName, caption: text, split, subject: null, metadata, source: `scenes:${imageName}` }
        }
      }
    },
  }
}
