import type { Emitter } from './emitter.ts'
import { lowerElementwise, lowerReduce } from './lower-elementwise.ts'
import { alignViews, type FactorPair } from './align.ts'
import { padAxes, product, sizeOf, type Factor, type View } from './view.ts'

/** A pair of factors that the product walks, and the factor of the result that it becomes. */
type Walk = FactorPair & { result: Factor }

const sourceIn = (side: keyof FactorPair) => (walk: FactorPair) => walk[side].source ?? 0
const sizes = (walks: readonly FactorPair[]) => product(walks.map((walk) => walk.left.size))

/**
 * jax-js' `dot`, the sum of left times right over the last axis, as matrix multiplication: what both operands walk outside that
 * axis is the batch, what only one walks are rows or columns, what neither walks repeats in the result.
 */
export function lowerDot(emitter: Emitter, leftOperand: View, rightOperand: View): View {
  const rank = Math.max(leftOperand.axes.length, rightOperand.axes.length)
  const { left, right, axes } = alignViews(emitter, padAxes(leftOperand, rank), padAxes(rightOperand, rank))
  const inner = [...(axes[rank - 1] ?? [])]
  if (inner.length === 0 || inner.some((pair) => pair.left.source === null || pair.right.source === null)) {
    const multiplied = lowerElementwise(emitter, [left, right], left.type, (values) =>
      emitter.graph.node('Mul', values),
    )
    return lowerReduce(emitter, multiplied, [rank - 1], 'ReduceSum')
  }

  const batch: Walk[] = []
  const rows: Walk[] = []
  const columns: Walk[] = []
  const outer = axes.slice(0, -1).map((pairs) =>
    pairs.map((pair): Walk => {
      const walk = { ...pair, result: { size: pair.left.size, source: null } }
      if (pair.left.source !== null) (pair.right.source === null ? rows : batch).push(walk)
      else if (pair.right.source !== null) columns.push(walk)
      return walk
    }),
  )
  for (const [walks, side] of [
    [batch, 'left'],
    [rows, 'left'],
    [columns, 'right'],
    [inner, 'left'],
  ] as const) {
    walks.sort((a, b) => sourceIn(side)(a) - sourceIn(side)(b))
  }
  const base: number[] = []
  for (const walk of [...batch, ...rows, ...columns]) {
    walk.result = { size: walk.left.size, source: base.push(walk.left.size) - 1 }
  }

  const value =
    batch.length > 0
      ? emitter.graph.node('MatMul', [
          layOut(emitter, left, 'left', [batch, rows, inner]).value,
          layOut(emitter, right, 'right', [batch, inner, columns]).value,
        ])
      : multiplyMatrices(
          emitter,
          layOutMatrix(emitter, left, 'left', rows, inner),
          layOutMatrix(emitter, right, 'right', inner, columns),
        )
  const stored = [...(batch.length > 0 ? [sizes(batch)] : []), sizes(rows), sizes(columns)]
  return { value, stored, base, axes: outer.map((walks) => walks.map((walk) => walk.result)), type: left.type }
}

type Matrix = { readonly value: string; readonly transposed: boolean }

const multiplyMatrices = (emitter: Emitter, left: Matrix, right: Matrix): string =>
  emitter.graph.node('Gemm', [left.value, right.value], {
    transA: Number(left.transposed),
    transB: Number(right.transposed),
  })

/** The operand with one axis a group, in the groups' order. */
function layOut(
  emitter: Emitter,
  view: View,
  side: keyof FactorPair,
  groups: readonly (readonly FactorPair[])[],
): Matrix {
  const axes = groups.map((walks) => walks.map((walk) => walk[side]))
  return {
    value: emitter.reshape(emitter.materialise({ ...view, axes }), axes.map(sizeOf), axes.map(sizeOf)),
    transposed: false,
  }
}

/** The operand as a matrix; one that is stored the other way round is left so, since Gemm transposes for nothing. */
function layOutMatrix(
  emitter: Emitter,
  view: View,
  side: keyof FactorPair,
  first: readonly FactorPair[],
  second: readonly FactorPair[],
): Matrix {
  const order = [...second, ...first].map(sourceIn(side))
  const stored = order.every((source, position) => source === position)
  if (!stored || first.length === 0 || second.length === 0) return layOut(emitter, view, side, [first, second])
  return { ...layOut(emitter, view, side, [second, first]), transposed: true }
}
