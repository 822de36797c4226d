import type { Place, SceneFacts, SceneObject } from './facts.ts'
import type { Dice } from './dice.ts'

/** Width and height of a scene in pixels. */
export const SCENE_SIZE = 128

export type Placed = {
  readonly object: SceneObject
  readonly x: number
  readonly y: number
  readonly radius: number
  readonly turn: number
}

type Region = { readonly left: number; readonly top: number; readonly width: number; readonly height: number }

const MARGIN = 4
const INNER = SCENE_SIZE - 2 * MARGIN

const region = (left: number, top: number, width: number, height: number): Region => ({
  left: MARGIN + left * INNER,
  top: MARGIN + top * INNER,
  width: width * INNER,
  height: height * INNER,
})

/** The region of a thing that is alone, by its place. */
const alone: Readonly<Record<Place, Region>> = {
  left: region(0, 0.05, 0.5, 0.9),
  right: region(0.5, 0.05, 0.5, 0.9),
  top: region(0.05, 0, 0.9, 0.5),
  bottom: region(0.05, 0.5, 0.9, 0.5),
  middle: region(0.12, 0.12, 0.76, 0.76),
}

const third = 1 / 3
const columns = {
  left: region(0, 0, third, 1),
  middle: region(third, 0, third, 1),
  right: region(2 * third, 0, third, 1),
}
const rows = { top: region(0, 0, 1, third), middle: region(0, third, 1, third), bottom: region(0, 2 * third, 1, third) }

function regionOf(object: SceneObject, scene: SceneFacts): Region {
  if (scene.objects.length < 3) return alone[object.place]
  const standing = scene.objects.some(({ place }) => place === 'top')
  const { place } = object
  if (standing) return place === 'top' || place === 'bottom' ? rows[place] : rows.middle
  return place === 'left' || place === 'right' ? columns[place] : columns.middle
}

const MAX_RADIUS = 40
const SMALL = 0.52
/** Smaller things would be lost on a coarse grid of filters. */
const MIN_RADIUS = 12

/** Things of one kind side by side along the longer edge of their region, large ones as large as fits. */
function layOut(object: SceneObject, within: Region, dice: Dice): Placed[] {
  const wide = within.width >= within.height
  const [length, breadth] = wide ? [within.width, within.height] : [within.height, within.width]
  const step = length / object.count
  const largest = Math.min(MAX_RADIUS, 0.45 * Math.min(step, breadth))
  const radius = (object.size === 'large' ? largest : Math.max(MIN_RADIUS, largest * SMALL)) * dice.between(0.94, 1.02)
  const gap = object.size === 'large' ? step : Math.min(step, radius * 2.9)
  const start = (length - gap * object.count) / 2
  const sway = Math.max(0, breadth / 2 - radius * 1.1) * 0.5
  return Array.from({ length: object.count }, (_, index) => {
    const along = start + gap * (index + 0.5) + dice.between(-2, 2)
    const across = breadth / 2 + dice.between(-sway, sway)
    const [x, y] = wide ? [along, across] : [across, along]
    return { object, x: within.left + x, y: within.top + y, radius, turn: dice.between(-9, 9) }
  })
}

function layOutBehind(back: SceneObject, front: SceneObject, dice: Dice): Placed[] {
  const side = dice.pick([-1, 1])
  const centre = SCENE_SIZE / 2
  const behind = { object: back, x: centre - side * 9, y: centre - 10, radius: dice.between(38, 42) }
  const before = {
    object: front,
    x: centre + side * dice.between(18, 24),
    y: centre + dice.between(20, 26),
    radius: dice.between(23, 26),
  }
  return [behind, before].map((placed) => ({ ...placed, turn: dice.between(-9, 9) }))
}

/** Where the things of a scene are drawn, those behind first. */
export function layOutScene(scene: SceneFacts, dice: Dice): readonly Placed[] {
  const [first, second] = scene.objects
  if (scene.overlapping && first !== undefined && second !== undefined) return layOutBehind(first, second, dice)
  return scene.objects.flatMap((object) => layOut(object, regionOf(object, scene), dice))
}
