import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateScenes, type SceneOptions } from '../../src/producers/scenes/generate.ts'
import { sceneMetadata } from '../../src/producers/scenes/relevance.ts'

/** Scenes as a person would have them: pictures in a folder, and `captions.jsonl` beside them. Gives the number of pairs. */
export async function writeSceneFolder(folder: string, options: SceneOptions): Promise<number> {
  await mkdir(folder, { recursive: true })
  const lines: string[] = []
  for await (const { number, split, facts, captions, picture } of generateScenes(options)) {
    const image = `scene-${number}.png`
    await writeFile(join(folder, image), picture)
    for (const { text, states } of captions) {
      lines.push(JSON.stringify({ image, caption: text, split, metadata: sceneMetadata(facts, states) }))
    }
  }
  await writeFile(join(folder, 'captions.jsonl'), `${lines.join('\n')}\n`)
  return lines.length
}
