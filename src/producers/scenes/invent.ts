import type { Background, Colour, Place, SceneFacts, SceneObject, Shape } from './facts.ts'
import { isNovel } from './facts.ts'
import type { Dice } from './dice.ts'

type Choices<T> = readonly [T, ...T[]]

const familiarShapes: Choices<Shape> = ['circle', 'square', 'triangle', 'heart', 'cross']
const familiarColours: Choices<Colour> = ['red', 'orange', 'yellow', 'green', 'blue', 'pink']

/** Where the objects of a scene stand. Pairs and rows leave room for few things at a place. */
type Arrangement = { readonly places: readonly Place[]; readonly maxCount: number; readonly overlapping: boolean }

const arrangement = (maxCount: number, ...places: Place[]): Arrangement => ({ places, maxCount, overlapping: false })

const familiarArrangements: Choices<Arrangement> = [
  arrangement(3, 'middle'),
  arrangement(3, 'left'),
  arrangement(3, 'right'),
  arrangement(3, 'top'),
  arrangement(3, 'bottom'),
  arrangement(2, 'left', 'right'),
  arrangement(2, 'left', 'right'),
  arrangement(2, 'left', 'right'),
  arrangement(2, 'top', 'bottom'),
  arrangement(2, 'top', 'bottom'),
  arrangement(2, 'top', 'bottom'),
  arrangement(1, 'left', 'middle', 'right'),
  arrangement(1, 'top', 'middle', 'bottom'),
]
const overlapping: Arrangement = { places: ['middle', 'middle'], maxCount: 1, overlapping: true }

function inventBackground(dice: Dice): Background {
  return {
    pattern: dice.pick(['plain', 'striped', 'dotted', 'gradient']),
    tone: dice.pick(['cream', 'grey', 'mint', 'dark']),
  }
}

function inventOnce(dice: Dice, novel: boolean): SceneFacts {
  const shape = (): Shape => (novel && dice.chance(0.35) ? 'star' : dice.pick(familiarShapes))
  const colour = (): Colour => (novel && dice.chance(0.35) ? 'purple' : dice.pick(familiarColours))
  const chosen = novel && dice.chance(0.35) ? overlapping : dice.pick(familiarArrangements)
  const objects = chosen.places.map((place, index): SceneObject => {
    // What lies behind must show around what is before it.
    const size = chosen.overlapping ? (index === 0 ? 'large' : 'small') : dice.pick(['small', 'large'])
    const count = dice.chance(0.5) ? 1 : 1 + Math.floor(dice.next() * chosen.maxCount)
    return { shape: shape(), colour: colour(), size, count, place }
  })
  return { objects, overlapping: chosen.overlapping, background: inventBackground(dice) }
}

function isClear({ objects, overlapping: hidden }: SceneFacts): boolean {
  const kinds = new Set(objects.map(({ shape, colour }) => `${colour} ${shape}`))
  const hues = new Set(objects.map(({ colour }) => colour))
  return kinds.size === objects.length && (!hidden || hues.size === objects.length)
}

/** Makes up a scene; one that is `novel` has a star, something purple or something behind, any other has none of them. */
export function inventScene(dice: Dice, novel: boolean): SceneFacts {
  for (;;) {
    const scene = inventOnce(dice, novel)
    if (isClear(scene) && isNovel(scene) === novel) return scene
  }
}
