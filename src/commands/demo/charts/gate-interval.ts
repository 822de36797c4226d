import { scaleLinear, type ScaleLinear } from 'd3-scale'
import type { GateEvidence, SetEvidence } from '../../../evaluation/gate-decision.ts'
import { counted, signed } from '../../figures.ts'
import { coordinate } from '../markup.ts'
import { bottomAxis, type Frame } from './axes.ts'
import { label, stroke, type Chart } from './figure.ts'

const WIDTH = 460
const ROW = 42
const frameOf = (rows: number): Frame => ({ left: 104, right: WIDTH - 20, top: 40, bottom: 46 + rows * ROW })

/** Where the parts of one interval lie along the axis; without enough images there are no bounds. */
type IntervalGeometry = {
  readonly estimate: number
  readonly lower: number | null
  readonly upper: number | null
}

export function intervalGeometry(
  { estimate, lowerBound, upperBound }: SetEvidence,
  scale: ScaleLinear<number, number>,
): IntervalGeometry {
  return {
    estimate: scale(estimate),
    lower: lowerBound === null ? null : scale(lowerBound),
    upper: upperBound === null ? null : scale(upperBound),
  }
}

const setsOf = ({ together, validation, fresh }: GateEvidence): readonly (readonly [string, SetEvidence])[] => [
  ['both sets', together],
  ['validation', validation],
  ...(fresh === null ? [] : [['fresh', fresh] as const]),
]

/** One axis for all decisions, so that their intervals can be compared; zero and every margin are on it. */
export function gainScale(decisions: readonly GateEvidence[]): ScaleLinear<number, number> {
  const gains = decisions.flatMap((evidence) =>
    setsOf(evidence).flatMap(([, { estimate, lowerBound, upperBound }]) => [
      estimate,
      lowerBound ?? estimate,
      upperBound ?? estimate,
    ]),
  )
  const values = [0, ...gains, ...decisions.map(({ margin }) => 1.2 * margin)].filter(Number.isFinite)
  const { left, right } = frameOf(1)
  return scaleLinear([Math.min(...values), Math.max(...values)], [left, right]).nice(6)
}

/** The bounds as a line with end marks, the estimate as a dot. */
function interval(set: SetEvidence, scale: ScaleLinear<number, number>, y: number, className: string): string {
  const { estimate, lower, upper } = intervalGeometry(set, scale)
  const dot = `<circle cx="${coordinate(estimate)}" cy="${coordinate(y)}" r="5" class="${className} estimate"/>`
  if (lower === null || upper === null) return dot
  const line = `${className} bounds`
  return (
    stroke(lower, y, upper, y, line) +
    stroke(lower, y - 6, lower, y + 6, line) +
    stroke(upper, y - 6, upper, y + 6, line) +
    dot
  )
}

/** A vertical line with its name above the frame. */
function reference(x: number, { top, bottom }: Frame, className: string, name: string, before: boolean): string {
  const anchor = before ? 'end' : 'start'
  return (
    stroke(x, top - 6, x, bottom, className) +
    label(name, before ? x - 5 : x + 5, top - 12, { anchor, className: 'tick' })
  )
}

const inWords = (name: string, { estimate, lowerBound, upperBound, images }: SetEvidence): string =>
  lowerBound === null || upperBound === null
    ? `${name}: ${signed(estimate)}, too few images for bounds (${images})`
    : `${name}: ${signed(estimate)}, between ${signed(lowerBound)} and ${signed(upperBound)}, ${counted(images, 'image')}`

/** What the gate saw of one challenger: gain and bounds on both sets together and on each, against zero and the margin. */
export function gateInterval(title: string, evidence: GateEvidence, scale: ScaleLinear<number, number>): Chart {
  const sets = setsOf(evidence)
  const frame = frameOf(sets.length)
  const { margin, together, alphaAtLook } = evidence
  const measure = evidence.label.split(',')[0] ?? evidence.label
  const confidence = `${(100 * (1 - alphaAtLook)).toFixed(1)} %`
  const rows = sets.map(([name, set], index) => {
    const y = frame.top + ROW * (index + 0.6)
    const className = index === 0 ? 'deciding' : 'supporting'
    const count = label(counted(set.images, 'image'), 4, y + 15, { className: 'tick' })
    return (
      label(name, 4, y + 1, { className: index === 0 ? 'strong' : '' }) + count + interval(set, scale, y, className)
    )
  })
  const ticks = scale.ticks(5)
  return {
    title,
    sentence:
      together.lowerBound === null
        ? 'There are too few images for bounds: the dot alone shows the gain.'
        : `It gains ${signed(together.estimate)}, and with ${confidence} confidence at least ${signed(together.lowerBound)}; the margin is ${margin}.`,
    description: `${sets.map(([name, set]) => inWords(name, set)).join('; ')}; margin ${margin}`,
    width: WIDTH,
    height: frame.bottom + 44,
    content:
      ticks.map((tick) => stroke(scale(tick), frame.top, scale(tick), frame.bottom, 'grid')).join('') +
      reference(scale(0), frame, 'zero', 'no gain', true) +
      reference(scale(margin), frame, 'margin', `margin ${margin}`, false) +
      rows.join('') +
      bottomAxis(
        { scale, ticks, format: (tick) => signed(tick, 2), name: `gain in ${measure}, challenger − champion` },
        frame,
      ),
  }
}
