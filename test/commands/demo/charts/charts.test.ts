import { describe, expect, it } from 'vitest'
import { figure } from '../../../../src/commands/demo/charts/figure.ts'
import { developmentCurves, lossCurves } from '../../../../src/commands/demo/charts/learning-curves.ts'
import { recallBars } from '../../../../src/commands/demo/charts/recall-bars.ts'
import { lanesOf, timeline } from '../../../../src/commands/demo/charts/timeline.ts'
import { firstModel, rejectedModel, retrainedModel, storyFixture } from '../fixtures.ts'
import { attributes } from './markup.ts'

const models = [firstModel, retrainedModel, rejectedModel]

/** The points of a path of straight lines. */
const pointsOf = (path: string): [number, number][] =>
  path
    .slice(1)
    .split('L')
    .map((point) => point.split(',').map(Number) as [number, number])

describe('lossCurves and developmentCurves', () => {
  it('draw a line a model, falling for the loss and rising for the recall', () => {
    for (const [chart, rises] of [
      [lossCurves(models), false],
      [developmentCurves(models), true],
    ] as const) {
      const paths = attributes(chart.content, 'path', 'd', 'curve').map(pointsOf)
      expect(paths.map(({ length }) => length)).toEqual(models.map(({ history }) => history.length))
      for (const points of paths) {
        const [first, last] = [points[0], points.at(-1)]
        expect(Math.sign((first?.[1] ?? 0) - (last?.[1] ?? 0))).toBe(rises ? 1 : -1)
        expect(points.map(([x]) => x)).toEqual(points.map(([x]) => x).sort((a, b) => a - b))
      }
      expect(chart.content).toContain('>epoch<')
    }
  })

  it('mark the epoch with the best recall', () => {
    const history = [0.2, 0.5, 0.4].map((developmentRecall, index) => ({
      epoch: index + 1,
      loss: 3 - index,
      developmentRecall,
    }))
    const chart = developmentCurves([{ ...firstModel, history }])
    const [path = ''] = attributes(chart.content, 'path', 'd', 'curve')
    const [x] = attributes(chart.content, 'circle', 'cx', 'best')
    expect(Number(x)).toBeCloseTo(pointsOf(path)[1]?.[0] ?? NaN, 1)
    expect(chart.description).toContain('to 50 % at its best epoch, 2 of 3')
  })

  it('are whole with a single epoch, with none, and with a loss that is no number', () => {
    const epoch = { epoch: 1, loss: NaN, developmentRecall: 0.3 }
    for (const history of [[], [epoch]]) {
      for (const chart of [lossCurves([{ ...firstModel, history }]), developmentCurves([{ ...firstModel, history }])]) {
        expect(chart.content).not.toMatch(/NaN|Infinity|undefined/)
      }
    }
  })
})

describe('recallBars', () => {
  it('draws a bar a model and measure, as long as the share', () => {
    const chart = recallBars(models)
    const lengths = attributes(chart?.content ?? '', 'rect', 'width', 'bar').map(Number)
    const shares = (['at1', 'at5', 'at10'] as const).flatMap((at) => models.map(({ recall }) => recall?.[at] ?? NaN))
    const whole = (lengths[0] ?? NaN) / (shares[0] ?? NaN)
    expect(lengths).toHaveLength(9)
    lengths.forEach((length, index) => expect(length / whole).toBeCloseTo(shares[index] ?? NaN, 3))
    expect(chart?.sentence).toBe('Recall@10: model 1 (m-1a2b3c4d5e) 48.2 %, model 3 66.8 %.')
  })

  it('leaves out who was not evaluated, and is nothing when nobody was', () => {
    const unknown = { ...retrainedModel, recall: null }
    expect(attributes(recallBars([firstModel, unknown])?.content ?? '', 'rect', 'width', 'bar')).toHaveLength(3)
    expect(recallBars([unknown])).toBeNull()
  })
})

describe('timeline', () => {
  it('has a lane a topic in the order of the flow, and one for what no topic carried', () => {
    const lines = ['releases', null, 'pairs', 'pairs.dead', 'pairs'].map((topic) => ({ at: 0, topic, text: '' }))
    expect(lanesOf(lines)).toEqual(['pairs', 'releases', 'pairs.dead', null])
  })

  it('draws every stage to scale and a dot an event', async () => {
    const story = await storyFixture()
    const { content } = timeline(story)
    const [starts, widths] = [attributes(content, 'rect', 'x', ''), attributes(content, 'rect', 'width', '')].map(
      (all) => all.map(Number),
    )
    expect(widths).toHaveLength(story.stages.length)
    const training = story.stages.map(({ name }, index) => ({ name, index })).filter(({ name }) => name === 'training')
    expect(training).toHaveLength(3)
    const scale = Math.max(...(widths ?? [])) / 34
    expect([...(widths ?? [])].sort((a, b) => b - a)[1]).toBeCloseTo(30 * scale, 1)
    expect(Math.min(...(starts ?? []))).toBeGreaterThan(0)
    expect(attributes(content, 'circle', 'cx', 'event')).toHaveLength(story.lines.length)
  })

  it('is whole without stages and events', async () => {
    const { content } = timeline(await storyFixture({ stages: [], lines: [], endedAt: Date.UTC(2026, 2, 3, 9, 30) }))
    expect(content).not.toMatch(/NaN|Infinity|undefined/)
  })
})

describe('figure', () => {
  it('gives a chart its title, its sentence and its words for those who cannot see it, all escaped', () => {
    const html = figure({
      title: '<b>',
      sentence: 'a & b',
      description: `"x" 'y'`,
      width: 10,
      height: 5,
      content: '<path/>',
    })
    expect(html).toContain('<title>&lt;b&gt;</title><desc>&quot;x&quot; &#39;y&#39;</desc><path/>')
    expect(html).toContain('role="img" aria-label="&lt;b&gt;. &quot;x&quot; &#39;y&#39;"')
    expect(html).toContain('<p>a &amp; b</p>')
  })
})
