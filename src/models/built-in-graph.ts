import { arithmetic, BUILT_IN_SIDE, CELLS, SMALL, type Block } from './filter-arithmetic.ts'
import { brightnessEdges, outlines } from './filter-edges.ts'
import { createGraph, type GraphBuilder } from './onnx/graph.ts'

const PIXELS = BUILT_IN_SIDE ** 2

/** The colours that people name first, as sRGB in 0..1 (after Berlin and Kay's eleven basic terms, and cyan). */
const prototypes: readonly (readonly [number, number, number])[] = [
  [0.87, 0.12, 0.12], // red
  [0.13, 0.6, 0.2], // green
  [0.13, 0.3, 0.85], // blue
  [0.97, 0.87, 0.15], // yellow
  [0.5, 0.15, 0.65], // purple
  [0.98, 0.55, 0.1], // orange
  [0.97, 0.55, 0.72], // pink
  [0.48, 0.3, 0.15], // brown
  [0.15, 0.8, 0.85], // cyan
  [0.05, 0.05, 0.05], // black
  [0.5, 0.5, 0.5], // grey
  [0.98, 0.98, 0.98], // white
]
const COLOURS = prototypes.length
/** One mask a colour, and one of everything that is not background. */
const MASKS = COLOURS + 1
/** How far apart two colours must be (squared distance) to be told apart with certainty. */
const COLOUR_SPREAD = 0.04

/**
 * A graph of fixed filters from `pixels` [batch, 3, 64, 64] (0..1) to `features` [batch, width]: where which colour is, what stands out from
 * the border of the picture, and for each colour the count, place, size and outline of what stands out: the
 * harmonics of its edges' directions tell a circle from a square, a triangle or a star. Nothing in it was learned.
 */
export function builtInGraph(): { readonly bytes: Uint8Array; readonly featureWidth: number } {
  const graph = createGraph('built_in_filters')
  const pixels = graph.input('pixels', 'float32', ['batch', 3, BUILT_IN_SIDE, BUILT_IN_SIDE])
  const colours = colourMasks(graph, pixels)
  const { masks, border } = standingOut(graph, colours)
  const blocks = [
    ...layout(graph, pixels, colours, masks, border),
    ...outlines(graph, masks, MASKS),
    ...brightnessEdges(graph, pixels),
    ...moments(graph, masks),
    ...counts(graph, masks),
    ...contacts(graph, masks),
  ]
  const flat = blocks.map(({ value, width }) => graph.node('Reshape', [value, graph.integers([0, width])]))
  const featureWidth = blocks.reduce((sum, { width }) => sum + width, 0)
  graph.output('features', graph.node('Concat', flat, { axis: 1 }), 'float32', ['batch', featureWidth])
  return { bytes: graph.encode(), featureWidth }
}

/** How much each pixel is of each colour, [batch, COLOURS, side, side]: a softmax of squared distances, as one 1 x 1 convolution. */
function colourMasks(graph: GraphBuilder, pixels: string): string {
  const weights = Float32Array.from(prototypes.flatMap((colour) => colour.map((value) => (2 * value) / COLOUR_SPREAD)))
  const bias = Float32Array.from(prototypes.map(([r, g, b]) => -(r * r + g * g + b * b) / COLOUR_SPREAD))
  const near = graph.node('Conv', [
    pixels,
    graph.initialiser(weights, [COLOURS, 3, 1, 1]),
    graph.initialiser(bias, [COLOURS]),
  ])
  return graph.node('Softmax', [near], { axis: 1 })
}

/** The masks of what is not of a colour of the border, thin seams removed (an opening), with the sum of all as the last mask. */
function standingOut(graph: GraphBuilder, colours: string): { masks: string; border: string } {
  const { times, minus, least, grow } = arithmetic(graph)
  const frame = new Float32Array(PIXELS)
  for (let at = 0; at < PIXELS; at++) {
    const [x, y] = [at % BUILT_IN_SIDE, Math.floor(at / BUILT_IN_SIDE)]
    if (Math.min(x, y, BUILT_IN_SIDE - 1 - x, BUILT_IN_SIDE - 1 - y) < 2) frame[at] = 1
  }
  const share = 1 / frame.reduce((sum, value) => sum + value, 0)
  const list = graph.node('Reshape', [colours, graph.integers([0, COLOURS, PIXELS])])
  const weights = graph.initialiser(
    frame.map((value) => value * share),
    [PIXELS, 1],
  )
  const border = graph.node('Reshape', [graph.node('MatMul', [list, weights]), graph.integers([0, COLOURS, 1, 1])])
  const notBorder = minus(1, least(1, times(border, 4)))
  const negative = graph.node('Neg', [times(colours, notBorder)])
  const opened = grow(graph.node('Neg', [grow(negative)]))
  const all = graph.node('ReduceSum', [opened, graph.integers([1])], { keepdims: 1 })
  return { masks: graph.node('Concat', [opened, all], { axis: 1 }), border }
}

/** Which colours there are and where, on a grid of 4 x 4 cells. Roots, because a small thing is as much there as a large one. */
function layout(graph: GraphBuilder, pixels: string, colours: string, masks: string, border: string): Block[] {
  const { root, mean, highest, cells, plus } = arithmetic(graph)
  const rooted = (value: string) => root(plus(value, SMALL))
  return [
    { value: cells(pixels), width: 3 * CELLS ** 2 },
    { value: rooted(cells(colours)), width: COLOURS * CELLS ** 2 },
    { value: rooted(cells(masks)), width: MASKS * CELLS ** 2 },
    { value: rooted(mean(masks)), width: MASKS },
    { value: highest(masks), width: MASKS },
    { value: border, width: COLOURS },
  ]
}

/** For each mask the place of its centre, its extent in both directions, and its area for its spread (most for a disc). */
function moments(graph: GraphBuilder, masks: string): Block[] {
  const { plus, minus, times, over } = arithmetic(graph)
  const place = (at: number): number => ((at + 0.5) / BUILT_IN_SIDE) * 2 - 1
  const table = new Float32Array(PIXELS * 6)
  for (let at = 0; at < PIXELS; at++) {
    const [x, y] = [place(at % BUILT_IN_SIDE), place(Math.floor(at / BUILT_IN_SIDE))]
    table.set(
      [1, x, y, x * x, y * y, x * y].map((value) => value / PIXELS),
      at * 6,
    )
  }
  const list = graph.node('Reshape', [masks, graph.integers([0, MASKS, PIXELS])])
  const sums = graph.node('MatMul', [list, graph.initialiser(table, [PIXELS, 6])])
  const parts = graph.nodes('Split', [sums, graph.integers([1, 1, 1, 1, 1, 1])], 6, { axis: 2 })
  const [area = '', ...rest] = parts
  const [x = '', y = '', xx = '', yy = '', xy = ''] = rest.map((value) => over(value, plus(area, 0.001)))
  const [wide, high, slanted] = [minus(xx, times(x, x)), minus(yy, times(y, y)), minus(xy, times(x, y))]
  const compact = over(area, plus(plus(wide, high), 0.01))
  return [x, y, wide, high, slanted, compact].map((value) => ({ value, width: MASKS }))
}

/**
 * For each mask how many separate things it holds, less their holes: the Euler number of its pixels, as points less
 * neighbouring pairs plus squares of four (S. B. Gray, "Local properties of binary images in two dimensions", 1971).
 */
function counts(graph: GraphBuilder, masks: string): Block[] {
  const { plus, minus, times } = arithmetic(graph)
  const half = graph.initialiser(Float32Array.of(0.5), [])
  const solid = graph.node('Cast', [graph.node('Greater', [masks, half])], { to: 1 })
  const part = (axis: 2 | 3, value: string, from: number, to: number) =>
    graph.node('Slice', [value, graph.integers([from]), graph.integers([to]), graph.integers([axis])])
  const paired = (axis: 2 | 3, value: string) =>
    times(part(axis, value, 0, BUILT_IN_SIDE - 1), part(axis, value, 1, BUILT_IN_SIDE))
  const total = (value: string) => graph.node('ReduceSum', [value, graph.integers([2, 3])], { keepdims: 1 })
  const rows = paired(3, solid)
  const things = plus(minus(minus(total(solid), total(rows)), total(paired(2, solid))), total(paired(2, rows)))
  const few = graph.node('Clip', [
    things,
    graph.initialiser(Float32Array.of(-1), []),
    graph.initialiser(Float32Array.of(4), []),
  ])
  return [{ value: few, width: MASKS }]
}

/** For each two masks how much they touch. */
function contacts(graph: GraphBuilder, masks: string): Block[] {
  const { grow, root, plus } = arithmetic(graph)
  const list = graph.node('Reshape', [grow(masks), graph.integers([0, MASKS, PIXELS])])
  const turned = graph.node('Transpose', [list], { perm: [0, 2, 1] })
  const scaled = arithmetic(graph).times(graph.node('MatMul', [list, turned]), 1 / PIXELS)
  return [{ value: root(plus(scaled, SMALL)), width: MASKS ** 2 }]
}
