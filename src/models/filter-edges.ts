import { arithmetic, CELLS, SMALL, type Block } from './filter-arithmetic.ts'
import type { GraphBuilder } from './onnx/graph.ts'

/** Derivatives of a Gaussian across and down at every `step`th pixel, for each of `channels` by itself. */
function gradients(
  graph: GraphBuilder,
  value: string,
  channels: number,
  spread: number,
  step: number,
): readonly [string, string] {
  const radius = Math.ceil(2 * spread)
  const side = 2 * radius + 1
  const kernel = (along: 'x' | 'y'): string => {
    const one = Float32Array.from({ length: side * side }, (_, at) => {
      const x = (at % side) - radius
      const y = Math.floor(at / side) - radius
      return (
        ((along === 'x' ? x : y) * Math.exp(-(x * x + y * y) / (2 * spread * spread))) / (2 * Math.PI * spread ** 4)
      )
    })
    const all = new Float32Array(channels * one.length)
    for (let channel = 0; channel < channels; channel++) all.set(one, channel * one.length)
    return graph.initialiser(all, [channels, 1, side, side])
  }
  const pads = [radius, radius, radius, radius]
  return [
    graph.node('Conv', [value, kernel('x')], { group: channels, pads, strides: [step, step] }),
    graph.node('Conv', [value, kernel('y')], { group: channels, pads, strides: [step, step] }),
  ]
}

/** Which orders of the Fourier series of edge directions are kept; order 1 is zero for any closed outline. */
const ORDERS = [2, 3, 4, 5, 6, 8, 10] as const

/**
 * For each mask its edge length, its corners (determinant over trace of the structure tensor; C. Harris and M. Stephens, 1988) and
 * the Fourier coefficients of its edges' directions, as parts (which way it points) and as magnitudes (which shape it is).
 */
export function outlines(graph: GraphBuilder, masks: string, count: number): Block[] {
  const { plus, minus, times, over, root, mean, smooth } = arithmetic(graph)
  const [across, down] = gradients(graph, masks, count, 1, 2)
  const [xx, yy, xy] = [times(across, across), times(down, down), times(across, down)]
  const strength = root(plus(plus(xx, yy), SMALL))
  const length = mean(strength)
  const relative = (value: string) => over(value, plus(length, 0.004))
  const [sxx, syy, sxy] = [smooth(xx), smooth(yy), smooth(xy)]
  const corners = over(minus(times(sxx, syy), times(sxy, sxy)), plus(plus(sxx, syy), SMALL))
  const area = mean(masks)

  type Complex = readonly [string, string]
  const multiply = ([a, b]: Complex, [c, d]: Complex): Complex => [
    minus(times(a, c), times(b, d)),
    plus(times(a, d), times(b, c)),
  ]
  const unit: Complex = [over(across, strength), over(down, strength)]
  const powers = new Map<number, Complex>([[1, unit]])
  const power = (order: number): Complex => {
    const known = powers.get(order)
    if (known !== undefined) return known
    const half = Math.floor(order / 2)
    const made = multiply(power(half), power(order - half))
    powers.set(order, made)
    return made
  }
  const harmonics = ORDERS.flatMap((order): Block[] => {
    const [real, imaginary] = power(order)
    const [a, b] = [relative(mean(times(real, strength))), relative(mean(times(imaginary, strength)))]
    const magnitude = root(plus(plus(times(a, a), times(b, b)), SMALL))
    return [a, b, magnitude].map((value) => ({ value, width: count }))
  })
  return [
    { value: root(length), width: count },
    { value: over(area, plus(times(length, length), 0.00001)), width: count },
    { value: mean(corners), width: count },
    { value: relative(mean(corners)), width: count },
    ...harmonics,
  ]
}

/** Edges of brightness in four directions at two scales, on the grid. */
export function brightnessEdges(graph: GraphBuilder, pixels: string): Block[] {
  const { plus, minus, times, root, cells } = arithmetic(graph)
  const weights = graph.initialiser(Float32Array.of(0.299, 0.587, 0.114), [1, 3, 1, 1])
  const brightness = graph.node('Conv', [pixels, weights])
  return [1, 2].flatMap((spread): Block[] => {
    const [across, down] = gradients(graph, brightness, 1, spread, 1)
    const diagonals = [plus(across, down), minus(across, down)].map((value) => times(value, Math.SQRT1_2))
    const energy = (value: string) => root(plus(cells(times(value, value)), SMALL))
    return [across, down, ...diagonals].map((value) => ({ value: energy(value), width: CELLS ** 2 }))
  })
}
