import type { Shape } from './facts.ts'

const polygon = (points: readonly (readonly [number, number])[]): string =>
  `M${points.map(([x, y]) => `${x.toFixed(3)} ${y.toFixed(3)}`).join('L')}Z`

/** Corners on circles around the centre, the first at the top. */
const corners = (radii: readonly number[]): (readonly [number, number])[] =>
  radii.map((radius, index) => {
    const angle = (index / radii.length) * 2 * Math.PI
    return [radius * Math.sin(angle), -radius * Math.cos(angle)]
  })

const ARM = 0.36
const cross: readonly (readonly [number, number])[] = [
  [-ARM, -1],
  [ARM, -1],
  [ARM, -ARM],
  [1, -ARM],
  [1, ARM],
  [ARM, ARM],
  [ARM, 1],
  [-ARM, 1],
  [-ARM, ARM],
  [-1, ARM],
  [-1, -ARM],
  [-ARM, -ARM],
]

/** SVG path data of each shape, about as large as a circle of radius 1 around the origin. */
export const shapePaths: Readonly<Record<Shape, string>> = {
  circle: 'M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z',
  square: 'M-.88 -.88H.88V.88H-.88Z',
  triangle: polygon(corners([1.15, 1.15, 1.15]).map(([x, y]) => [x, y + 0.2])),
  heart: 'M0 .95C-1.55 -.1 -1.05 -1 -.5 -1C-.2 -1 0 -.8 0 -.55C0 -.8 .2 -1 .5 -1C1.05 -1 1.55 -.1 0 .95Z',
  cross: polygon(cross),
  star: polygon(corners([1.1, 0.45, 1.1, 0.45, 1.1, 0.45, 1.1, 0.45, 1.1, 0.45])),
}
