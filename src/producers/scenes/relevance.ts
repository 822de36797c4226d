import type { Relation, SceneFacts, SceneObject, Statement } from './facts.ts'

const columns = { left: 0, top: 1, middle: 1, bottom: 1, right: 2 } as const
const rows = { top: 0, left: 1, middle: 1, right: 1, bottom: 2 } as const

function stands(first: SceneObject, second: SceneObject, relation: Relation, scene: SceneFacts): boolean {
  switch (relation) {
    case 'behind':
      return scene.overlapping && scene.objects.indexOf(first) < scene.objects.indexOf(second)
    case 'left of':
      return columns[first.place] < columns[second.place]
    case 'above':
      return rows[first.place] < rows[second.place]
    case 'beside':
      return columns[first.place] !== columns[second.place]
  }
}

/** Whether every property that `stated` names has its value in `facts`. */
function matches<T extends object>(stated: Partial<T>, facts: T): boolean {
  return Object.entries(stated).every(([name, value]) => facts[name as keyof T] === value)
}

/** Whether the stated objects from `at` on can be found among the objects that are not `taken`, each in another one. */
function assign(statement: Statement, scene: SceneFacts, taken: readonly SceneObject[]): boolean {
  const stated = statement.objects[taken.length]
  if (stated === undefined) {
    const [first, second] = taken
    if (statement.relation === null || first === undefined || second === undefined) return true
    return stands(first, second, statement.relation, scene)
  }
  return scene.objects.some(
    (object) => !taken.includes(object) && matches(stated, object) && assign(statement, scene, [...taken, object]),
  )
}

/** Whether all that a caption states is so in the scene; such scenes are relevant to it as a query. */
export function satisfies(scene: SceneFacts, statement: Statement): boolean {
  return matches(statement.background, scene.background) && assign(statement, scene, [])
}

/** The names of the metadata that let relevance be worked out again from what was published. */
const SCENE_FIELD = 'scene'
const STATEMENT_FIELD = 'states'

type Metadata = Readonly<Record<string, string>>

export const sceneMetadata = (scene: SceneFacts, statement: Statement): Metadata => ({
  [SCENE_FIELD]: JSON.stringify(scene),
  [STATEMENT_FIELD]: JSON.stringify(statement),
})

/** The facts of a published picture that is a generated scene; null for any other. */
export const sceneOf = (metadata: Metadata): SceneFacts | null => parse(metadata[SCENE_FIELD]) as SceneFacts | null

/** What the caption of a published pair states, where its picture is a generated scene; null for any other. */
export const statementOf = (metadata: Metadata): Statement | null =>
  parse(metadata[STATEMENT_FIELD]) as Statement | null

function parse(text: string | undefined): unknown {
  if (text === undefined) return null
  try {
    return JSON.parse(text)
  } catch {
    return null // a field of the same name that somebody else published
  }
}
