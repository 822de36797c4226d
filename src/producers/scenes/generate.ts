import type { Split } from '../../core/split.ts'
import { describeScene, type SceneCaption } from './describe.ts'
import type { SceneFacts } from './facts.ts'
import { inventScene } from './invent.ts'
import { createDice } from './dice.ts'
import { drawScene, renderScene } from './render.ts'

/** The first part is learned before the stream; only the stream has stars, purple things and things behind others to learn from. */
type ScenePart = 'first' | 'stream'

export type Scene = {
  /** From 1; also the order of publication. */
  readonly number: number
  readonly part: ScenePart
  readonly split: Split
  readonly facts: SceneFacts
  readonly captions: readonly SceneCaption[]
  /** PNG. */
  readonly picture: Uint8Array
}

export type SceneOptions = { readonly count?: number; readonly seed?: number; readonly part?: ScenePart }

const DEFAULT_SCENES = 1_200

const VALIDATION_SHARE = 0.22
/** Of the training scenes. */
const FIRST_SHARE = 0.56
/** How many scenes have a star, something purple or something behind. */
const NOVEL_IN_VALIDATION = 0.4
const NOVEL_IN_STREAM = 0.75
const RENDERED_AT_ONCE = 8

type Plan = { readonly part: ScenePart; readonly split: Split; readonly novelShare: number }

/** Validation scenes come first, so that whenever a model is trained there is something to judge it on. */
function planOf(index: number, count: number): Plan {
  const validation = Math.round(count * VALIDATION_SHARE)
  const first = validation + Math.round((count - validation) * FIRST_SHARE)
  if (index < validation) return { part: 'first', split: 'validation', novelShare: NOVEL_IN_VALIDATION }
  if (index < first) return { part: 'first', split: 'train', novelShare: 0 }
  return { part: 'stream', split: 'train', novelShare: NOVEL_IN_STREAM }
}

/** How many scenes a part has. */
export function scenesIn({ count = DEFAULT_SCENES, part }: SceneOptions): number {
  const indices = Array.from({ length: count }, (_, index) => index)
  return indices.filter((index) => part === undefined || planOf(index, count).part === part).length
}

async function makeScene(index: number, seed: number, plan: Plan): Promise<Scene> {
  const dice = createDice(seed, index)
  const facts = inventScene(dice, dice.chance(plan.novelShare))
  const captions = describeScene(facts, dice)
  const picture = await renderScene(drawScene(facts, dice))
  return { number: index + 1, part: plan.part, split: plan.split, facts, captions, picture }
}

/** Captioned scenes of simple shapes, the same for the same seed and count, in the order in which they are to be published. */
export async function* generateScenes(options: SceneOptions = {}): AsyncIterable<Scene> {
  const { count = DEFAULT_SCENES, seed = 1, part } = options
  const inHand: Promise<Scene>[] = []
  for (let index = 0; index < count; index++) {
    const plan = planOf(index, count)
    if (part !== undefined && plan.part !== part) continue
    inHand.push(makeScene(index, seed, plan))
    const oldest = inHand.length >= RENDERED_AT_ONCE ? inHand.shift() : undefined
    if (oldest !== undefined) yield await oldest
  }
  for (const scene of inHand) yield await scene
}
