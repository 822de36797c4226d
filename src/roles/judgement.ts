import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Judgement } from '../evaluation/held-out.ts'
import { satisfies, sceneOf, statementOf } from '../producers/scenes/relevance.ts'

/**
 * What is relevant to a caption: where its picture is a generated scene, every scene that satisfies what the caption states;
 * else the picture it was written for.
 */
export function createJudgement(catalogue: Catalogue): Judgement {
  const scenes = new Map<string, ReturnType<typeof sceneOf>>()
  const sceneIn = (imageId: string) => {
    const known = scenes.get(imageId)
    if (known !== undefined) return known
    const scene = sceneOf(catalogue.image(imageId)?.metadata ?? {})
    scenes.set(imageId, scene)
    return scene
  }
  return ({ pairId }, imageIds) => {
    const statement = statementOf(catalogue.pair(pairId)?.metadata ?? {})
    if (statement === null) return null
    return imageIds.filter((imageId) => {
      const scene = sceneIn(imageId)
      return scene !== null && satisfies(scene, statement)
    })
  }
}
