import type { ElementType } from '../../models/onnx/elements.ts'

/**
 * A traced value as a way of reading a tensor that exists: transposing, reshaping and broadcasting change the reading and
 * cost nothing until a node needs the elements in another order. The stored tensor's elements, row-major, are cut into the
 * dimensions `base` (each larger than 1); a logical axis is a product of factors, each walking one base dimension or, with
 * `source` null, repeating.
 */
export type View = {
  readonly value: string
  /** The shape under which the graph knows `value`. */
  readonly stored: readonly number[]
  readonly base: readonly number[]
  readonly axes: readonly (readonly Factor[])[]
  readonly type: ElementType
}
export type Factor = { readonly size: number; readonly source: number | null }

export const product = (sizes: readonly number[]): number => sizes.reduce((total, size) => total * size, 1)
export const sameSizes = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis])
export const sizeOf = (axis: readonly Factor[]): number => product(axis.map((factor) => factor.size))
export const shapeOf = (view: View): readonly number[] => view.axes.map(sizeOf)
export const isScalar = (view: View): boolean => view.axes.every((axis) => axis.length === 0)
export const repeats = (axis: readonly Factor[]): boolean => axis.every((factor) => factor.source === null)
/** An axis part of which walks and part of which repeats has no ONNX shape before it is expanded. */
export const isMixed = (axis: readonly Factor[]): boolean =>
  !repeats(axis) && axis.some((factor) => factor.source === null)

/** A tensor read as it is stored. */
export function viewOf(value: string, shape: readonly number[], type: ElementType): View {
  const base = shape.filter((size) => size !== 1)
  let source = 0
  const axes = shape.map((size) => (size === 1 ? [] : [{ size, source: source++ }]))
  return { value, stored: shape, base, axes, type }
}

export const transposeView = (view: View, permutation: readonly number[]): View => ({
  ...view,
  axes: permutation.map((axis) => view.axes[axis] ?? []),
})

/** jax-js' broadcast: `shape` with the new axes at `added`; old axes of size 1 repeat to their new size. */
export function broadcastView(view: View, shape: readonly number[], added: readonly number[]): View {
  let old = 0
  const axes = shape.map((size, position) => {
    const axis = added.includes(position) ? [] : (view.axes[old++] ?? [])
    return axis.length === 0 && size > 1 ? [{ size, source: null }] : axis
  })
  return { ...view, axes }
}

/** Leading axes of size 1 up to `rank`, as broadcasting adds them. */
export const padAxes = (view: View, rank: number): View => ({
  ...view,
  axes: [...Array.from({ length: rank - view.axes.length }, () => []), ...view.axes],
})

/** The same reading with one base dimension cut in two. */
export function splitBase(view: View, source: number, outer: number, inner: number): View {
  const cut = (factor: Factor): readonly Factor[] => {
    if (factor.source === null || factor.source < source) return [factor]
    if (factor.source > source) return [{ size: factor.size, source: factor.source + 1 }]
    return [
      { size: outer, source },
      { size: inner, source: source + 1 },
    ]
  }
  return {
    ...view,
    base: view.base.toSpliced(source, 1, outer, inner),
    axes: view.axes.map((axis) => axis.flatMap(cut)),
  }
}

/** The reading under another shape, or null when the elements must be laid out first. */
export function reshapeView(view: View, shape: readonly number[]): View | null {
  const queue = view.axes.flat()
  const axes: Factor[][] = []
  for (const size of shape) {
    const axis: Factor[] = []
    let rest = size
    while (rest > 1) {
      const factor = queue.shift()
      if (factor === undefined) return null
      if (rest % factor.size === 0) {
        axis.push(factor)
        rest /= factor.size
      } else if (factor.size % rest === 0) {
        const inner = factor.size / rest
        if (factor.source !== null) return reshapeView(splitBase(view, factor.source, rest, inner), shape)
        axis.push({ size: rest, source: null })
        queue.unshift({ size: inner, source: null })
        rest = 1
      } else return null
    }
    axes.push(axis)
  }
  return { ...view, axes }
}

const sameFactor = (a: Factor, b: Factor | undefined): boolean => a.size === b?.size && a.source === b.source

/** Whether two views read tensors of one shape in one way, so that a node may combine these as they are stored. */
export const sameReading = (a: View, b: View): boolean =>
  sameSizes(a.stored, b.stored) &&
  a.axes.length === b.axes.length &&
  a.axes.every((axis, position) => {
    const other = b.axes[position] ?? []
    return axis.length === other.length && axis.every((factor, i) => sameFactor(factor, other[i]))
  }) &&
  sameSizes(a.base, b.base)
