import { expect, it } from 'vitest'
import { recallPlot } from '../../../bench/support/recall-plot.ts'

const points = [
  { depth: 16, recall: 0.85, milliseconds: 0.2 },
  { depth: 512, recall: 1, milliseconds: 1.5 },
]

it('draws a dot a setting and a line a curve, higher recall being higher up and slower searches further right', () => {
  const plot = recallPlot(
    [
      { name: 'a < b', points },
      { name: 'c', points },
    ],
    'Recall',
  )
  expect(plot.match(/<circle/g)).toHaveLength(4)
  expect(plot.match(/<path/g)).toHaveLength(2)
  const [first, second] = [...plot.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => ({
    x: Number(x),
    y: Number(y),
  }))
  expect(second?.x).toBeGreaterThan(first?.x ?? Infinity)
  expect(second?.y).toBeLessThan(first?.y ?? -Infinity)
  expect(plot).toContain('a &lt; b')
  expect(plot).not.toMatch(/NaN|undefined/)
})
