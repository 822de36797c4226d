import type { ScaleLinear } from 'd3-scale'
import { label, stroke } from './figure.ts'

/** The part of a chart that data are drawn in. */
export type Frame = { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number }

type Axis = {
  readonly scale: ScaleLinear<number, number>
  readonly ticks: readonly number[]
  readonly format: (value: number) => string
  /** What is measured, with its unit. */
  readonly name: string
}

/** Ticks and name under the frame. */
export function bottomAxis({ scale, ticks, format, name }: Axis, { left, right, bottom }: Frame): string {
  const marks = ticks.map(
    (tick) =>
      stroke(scale(tick), bottom, scale(tick), bottom + 4, 'axis') +
      label(format(tick), scale(tick), bottom + 18, { anchor: 'middle', className: 'tick' }),
  )
  const title = label(name, (left + right) / 2, bottom + 36, { anchor: 'middle', className: 'name' })
  return stroke(left, bottom, right, bottom, 'axis') + marks.join('') + title
}

/** Grid lines with their values at the left; the name stands above, where it can be read without turning the head. */
export function leftAxis({ scale, ticks, format, name }: Axis, { left, right, top }: Frame): string {
  const marks = ticks.map(
    (tick) =>
      stroke(left, scale(tick), right, scale(tick), 'grid') +
      label(format(tick), left - 8, scale(tick) + 4, { anchor: 'end', className: 'tick' }),
  )
  return marks.join('') + label(name, 4, top - 12, { className: 'name' })
}
