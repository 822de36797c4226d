import type { ElementType } from '../../models/onnx/elements.ts'
import type { Emitter } from './emitter.ts'
import { isMixed, isScalar, padAxes, repeats, sameReading, sizeOf, type Factor, type View } from './view.ts'

type Emit = (values: readonly string[]) => string

/**
 * One node over operands that broadcast. Operands that read their tensors in the same way are combined as they are stored, so
 * that a chain of element-wise steps on a transposed gradient transposes nothing.
 */
export function lowerElementwise(emitter: Emitter, operands: readonly View[], type: ElementType, emit: Emit): View {
  const rank = Math.max(...operands.map((view) => view.axes.length))
  const views = operands.map((view) => padAxes(view, rank))
  const asScalar = (view: View) => emitter.reshape(view.value, view.stored, [])
  const large = views.filter((view) => !isScalar(view))
  const [model] = large
  if (model === undefined) {
    const noAxes: readonly Factor[][] = Array.from({ length: rank }, () => [])
    return { value: emit(views.map(asScalar)), stored: [], base: [], axes: noAxes, type }
  }
  if (large.every((view) => sameReading(view, model))) {
    return { ...model, value: emit(views.map((view) => (isScalar(view) ? asScalar(view) : view.value))), type }
  }

  const sizes = Array.from({ length: rank }, (_, axis) =>
    Math.max(...views.map((view) => sizeOf(view.axes[axis] ?? []))),
  )
  const walks = (view: View, axis: readonly Factor[]) => (view.axes.some(isMixed) ? axis.length > 0 : !repeats(axis))
  const stored = sizes.map((size, axis) => (views.some((view) => walks(view, view.axes[axis] ?? [])) ? size : 1))
  const value = emit(views.map((view) => (isScalar(view) ? asScalar(view) : emitter.materialise(view, false))))
  const base: number[] = []
  const axes = sizes.map((size, axis) => {
    if (size === 1) return []
    if (stored[axis] === 1) return [{ size, source: null }]
    return [{ size, source: base.push(size) - 1 }]
  })
  return { value, stored, base, axes, type }
}

/** Sum, maximum or minimum over axes. What merely repeats is not walked: its sum is a multiplication, its extreme itself. */
export function lowerReduce(emitter: Emitter, view: View, axes: readonly number[], operator: string): View {
  const reduced = view.axes.flatMap((axis, position) => (axes.includes(position) ? axis : []))
  const sources = reduced.flatMap((factor) => factor.source ?? []).sort((a, b) => a - b)
  let { value, stored, base } = view
  if (sources.length > 0) {
    const whole = emitter.reshape(value, stored, base)
    value = emitter.graph.node(operator, [whole, emitter.graph.integers(sources)], { keepdims: 0 })
    base = base.filter((_, source) => !sources.includes(source))
    stored = base
  }
  const repeated = sizeOf(reduced.filter((factor) => factor.source === null))
  if (operator === 'ReduceSum' && repeated > 1) {
    value = emitter.graph.node('Mul', [value, emitter.scalar(repeated, view.type)])
  }
  const shift = (factor: Factor): Factor =>
    factor.source === null
      ? factor
      : { size: factor.size, source: factor.source - sources.filter((source) => source < (factor.source ?? 0)).length }
  const kept = view.axes.filter((_, position) => !axes.includes(position)).map((axis) => axis.map(shift))
  return { ...view, value, stored, base, axes: kept }
}
