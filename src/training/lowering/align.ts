import type { Emitter } from './emitter.ts'
import { splitBase, type Factor, type View } from './view.ts'

/** Factors of two operands that advance together. */
export type FactorPair = { readonly left: Factor; readonly right: Factor }
type Aligned = { readonly left: View; readonly right: View; readonly axes: readonly (readonly FactorPair[])[] }

const repeat = (factors: readonly Factor[]): Factor[] => factors.map(({ size }) => ({ size, source: null }))

/** Two views of one rank, their axes cut into factors of equal sizes, pair by pair. */
export function alignViews(emitter: Emitter, left: View, right: View): Aligned {
  const axes: FactorPair[][] = []
  for (const [position, leftAxis] of left.axes.entries()) {
    const rightAxis = right.axes[position] ?? []
    const lefts = leftAxis.length === 0 ? repeat(rightAxis) : [...leftAxis]
    const rights = rightAxis.length === 0 ? repeat(leftAxis) : [...rightAxis]
    const pairs: FactorPair[] = []
    for (
      let a = lefts.shift(), b = rights.shift();
      a !== undefined && b !== undefined;
      a = lefts.shift(), b = rights.shift()
    ) {
      if (a.size === b.size) {
        pairs.push({ left: a, right: b })
        continue
      }
      const outer = Math.min(a.size, b.size)
      const [large, small] = a.size > b.size ? [a, b] : [b, a]
      if (large.size % outer !== 0) return alignViews(emitter, emitter.settle(left), emitter.settle(right))
      const inner = large.size / outer
      if (large.source !== null) {
        return a.size > b.size
          ? alignViews(emitter, splitBase(left, large.source, outer, inner), right)
          : alignViews(emitter, left, splitBase(right, large.source, outer, inner))
      }
      const queues = a.size > b.size ? [lefts, rights] : [rights, lefts]
      queues[0]?.unshift({ size: outer, source: null }, { size: inner, source: null })
      queues[1]?.unshift(small)
    }
    axes.push(pairs)
  }
  return { left, right, axes }
}
