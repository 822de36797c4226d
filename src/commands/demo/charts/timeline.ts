import { scaleLinear, type ScaleLinear } from 'd3-scale'
import { topics } from '../../../core/events.ts'
import { counted, duration, stopwatch } from '../../figures.ts'
import { fitText, textWidth } from '../fit-text.ts'
import { coordinate, escapeMarkup } from '../markup.ts'
import type { Story, StoryLine, StoryStage } from '../story.ts'
import { bottomAxis, type Frame } from './axes.ts'
import { label, stroke, type Chart } from './figure.ts'

const WIDTH = 1040
const LANE = 28
const GUTTER = 190
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200]
const MOST_TICKS = 12

/** Whole seconds and minutes, as a clock would be marked. */
function clockTicks(seconds: number): number[] {
  const step = steps.find((candidate) => seconds / candidate <= MOST_TICKS) ?? 14_400
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step)
}

/** The topics that carried something, in the order of the flow; what no topic carried comes last. */
export function lanesOf(lines: readonly StoryLine[]): (string | null)[] {
  const seen = new Set(lines.map(({ topic }) => topic))
  const known = topics.filter((topic) => seen.has(topic))
  const others = [...seen].filter((topic) => topic !== null && !known.some((other) => other === topic)).sort()
  return [...known, ...others, ...(seen.has(null) ? [null] : [])]
}

type Across = (at: number) => number

/** Runs of the same stage share a lane; the time each took is written where there is room before the next. */
function stageLane(name: string, runs: readonly StoryStage[], x: Across, y: number): string {
  const bars = runs.map(({ startedAt, endedAt }, index) => {
    const [from, to] = [x(startedAt), x(Math.max(startedAt, endedAt))]
    const took = duration(endedAt - startedAt)
    const bar = `<rect x="${coordinate(from)}" y="${coordinate(y + 6)}" width="${coordinate(Math.max(2, to - from))}" height="${LANE - 12}" rx="3" class="stage"><title>${escapeMarkup(`${name}: ${took}`)}</title></rect>`
    const needed = textWidth(took) * 12 + 10
    const [previous, next] = [runs[index - 1], runs[index + 1]]
    if (to + needed < (next === undefined ? WIDTH : x(next.startedAt))) {
      return bar + label(took, to + 6, y + 18, { className: 'figure' })
    }
    const roomBefore = from - needed > (previous === undefined ? GUTTER : x(previous.endedAt) + needed)
    return next === undefined && roomBefore
      ? bar + label(took, from - 6, y + 18, { anchor: 'end', className: 'figure' })
      : bar
  })
  return label(fitText(name, GUTTER - 16, 13), 4, y + 18) + bars.join('')
}

function topicLane(topic: string | null, lines: readonly StoryLine[], x: Across, y: number, right: number): string {
  const own = lines.filter((line) => line.topic === topic)
  const dots = own.map(
    ({ at, text }) =>
      `<circle cx="${coordinate(x(at))}" cy="${coordinate(y + LANE / 2)}" r="5" class="event"><title>${escapeMarkup(text)}</title></circle>`,
  )
  const name = label(topic ?? 'no topic', 4, y + 18, { className: topic === null ? '' : 'topic' })
  return name + stroke(GUTTER, y + LANE / 2, right, y + LANE / 2, 'lane') + dots.join('')
}

/** When the stages ran and what each topic carried, over the seconds since the start. */
export function timeline({ startedAt, endedAt, stages, lines }: Story): Chart {
  const lanes = lanesOf(lines)
  const runs = [...new Set(stages.map(({ name }) => name))].map(
    (name) => [name, stages.filter((stage) => stage.name === name)] as const,
  )
  const latest = Math.max(endedAt, ...stages.map((stage) => stage.endedAt), ...lines.map(({ at }) => at))
  const seconds = Math.max(1, (latest - startedAt) / 1000)
  const lanesTop = 12 + runs.length * LANE + 14
  const frame: Frame = { left: GUTTER, right: WIDTH - 24, top: 12, bottom: lanesTop + lanes.length * LANE + 4 }
  const scale: ScaleLinear<number, number> = scaleLinear([0, seconds], [frame.left, frame.right])
  const x: Across = (at) => scale(Math.max(0, at - startedAt) / 1000)
  const ticks = clockTicks(seconds)
  return {
    title: 'What happened when',
    sentence: `${counted(stages.length, 'stage')} in ${duration(endedAt - startedAt)}; every dot is an event, in the lane of the topic that carried it.`,
    description: [
      ...stages.map(({ name, ...stage }) => `${name} took ${duration(stage.endedAt - stage.startedAt)}`),
      ...lanes.map(
        (lane) => `${lane ?? 'no topic'}: ${counted(lines.filter(({ topic }) => topic === lane).length, 'event')}`,
      ),
    ].join('; '),
    width: WIDTH,
    height: frame.bottom + 44,
    content:
      ticks.map((tick) => stroke(scale(tick), frame.top, scale(tick), frame.bottom, 'grid')).join('') +
      runs.map(([name, own], index) => stageLane(name, own, x, frame.top + index * LANE)).join('') +
      lanes.map((lane, index) => topicLane(lane, lines, x, lanesTop + index * LANE, frame.right)).join('') +
      bottomAxis(
        { scale, ticks, format: (tick) => stopwatch(1000 * tick), name: 'time since the start (minutes:seconds)' },
        frame,
      ),
  }
}
