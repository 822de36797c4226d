import { AppError } from '../../core/errors.ts'
import type { Dimension, GraphBuilder } from '../../models/onnx/graph.ts'
import type { ElementType } from '../../models/onnx/elements.ts'
import { isMixed, repeats, sameSizes, shapeOf, sizeOf, viewOf, type View } from './view.ts'

/** The batch size that the program was traced at, which the file shall leave open. A large prime, so that no other size is a multiple. */
export type SymbolicBatch = { readonly size: number; readonly name: string }

/** Turns views into nodes. Every method returns the name of a value in the graph. */
export type Emitter = {
  readonly graph: GraphBuilder
  scalar(value: number, type: ElementType): string
  reshape(value: string, from: readonly number[], to: readonly number[]): string
  /** The view's elements in its logical shape; unexpanded, axes that only repeat have size 1. */
  materialise(view: View, expand?: boolean): string
  /** `materialise`, as a view. */
  settle(view: View): View
  /** A shape as ONNX knows it: multiples of the batch become symbolic. */
  dimensions(shape: readonly number[]): readonly Dimension[]
}

const scalarData = (value: number, type: ElementType) => {
  if (type === 'float32') return Float32Array.of(value)
  if (type === 'int32') return Int32Array.of(value)
  if (type === 'int64') return BigInt64Array.of(BigInt(value))
  return Uint8Array.of(value)
}

/** `batchSource` is an input whose first dimension is the batch; it is asked for its size where a shape depends on it. */
export function createEmitter(graph: GraphBuilder, batch: SymbolicBatch | null, batchSource: string | null): Emitter {
  const perBatch = (size: number): number | null =>
    batch !== null && size > 0 && size % batch.size === 0 ? size / batch.size : null

  function runtimeShape(shape: readonly number[]): string {
    if (batchSource === null || shape.every((size) => perBatch(size) === null)) return graph.integers(shape)
    const batchSize = graph.node('Shape', [batchSource], { start: 0, end: 1 })
    const parts = shape.map((size) => {
      const times = perBatch(size)
      if (times === null) return graph.integers([size])
      return times === 1 ? batchSize : graph.node('Mul', [batchSize, graph.integers([times])])
    })
    return graph.node('Concat', parts, { axis: 0 })
  }

  function reshape(value: string, from: readonly number[], to: readonly number[]): string {
    if (sameSizes(from, to)) return value
    const sizes = to.map((size) => (perBatch(size) === null ? size : -1))
    if (sizes.filter((size) => size === -1).length > 1) {
      throw new AppError('unsupported-lowering', `A reshape to [${to.join()}] has two axes that depend on the batch.`)
    }
    return graph.node('Reshape', [value, graph.integers(sizes)])
  }

  const expandTo = (value: string, shape: readonly number[]) => graph.node('Expand', [value, runtimeShape(shape)])

  function materialise(view: View, expand = true): string {
    const factors = view.axes.flat()
    const order = factors.flatMap((factor) => factor.source ?? [])
    let { value } = view
    let shape = view.stored
    if (order.some((source, position) => source !== position)) {
      value = graph.node('Transpose', [reshape(value, shape, view.base)], { perm: order })
      shape = order.map((source) => view.base[source] ?? 1)
    }
    const logical = shapeOf(view)
    if (view.axes.some(isMixed)) {
      const walking = factors.map((factor) => (factor.source === null ? 1 : factor.size))
      const expanded = factors.map((factor) => factor.size)
      return reshape(expandTo(reshape(value, shape, walking), expanded), expanded, logical)
    }
    const unexpanded = view.axes.map((axis) => (repeats(axis) ? 1 : sizeOf(axis)))
    value = reshape(value, shape, unexpanded)
    return expand && !sameSizes(unexpanded, logical) ? expandTo(value, logical) : value
  }

  return {
    graph,
    scalar: (value, type) => graph.initialiser(scalarData(value, type), [], type),
    reshape,
    materialise,
    settle: (view) => viewOf(materialise(view), shapeOf(view), view.type),
    dimensions: (shape) =>
      shape.map((size) => {
        const times = perBatch(size)
        if (batch === null || times === null) return size
        return times === 1 ? batch.name : `${times}*${batch.name}`
      }),
  }
}
