import { describe, expect, it } from 'vitest'
import { figure, markdownReport, markdownTable, replaceSection } from '../../../bench/support/report.ts'

it('shows numbers as they are read', () => {
  expect([12_345.6, 123.4, 12.34, 0.012345, 7, Number.NaN].map(figure)).toEqual([
    '12,346',
    '123',
    '12.3',
    '0.0123',
    '7',
    '–',
  ])
})

it('prints a table in Markdown', () => {
  const rows = [['one', 1.2345, '0.50']]
  expect(markdownTable({ columns: ['', 'ms', 'ratio'], rows })).toBe(
    '|  | ms | ratio |\n| --- | ---: | ---: |\n| one | 1.23 | 0.50 |',
  )
})

it('says which targets were missed', () => {
  const report = {
    name: 'x',
    setting: ['Set.'],
    tables: [],
    targets: [
      { what: 'recall', met: true },
      { what: 'speed', met: false },
    ],
  }
  expect(markdownReport(report, 'a machine')).toBe('Machine: a machine.\nSet.\n\n- recall: met\n- speed: **missed**')
})

describe('the document', () => {
  const document = 'before\n<!-- figures: a -->\nold\n<!-- end of figures: a -->\nafter\n'

  it('gets new figures between the marks, again and again', () => {
    const once = replaceSection(document, 'a', 'new')
    expect(once).toBe('before\n<!-- figures: a -->\n\nnew\n\n<!-- end of figures: a -->\nafter\n')
    expect(replaceSection(once, 'a', 'new')).toBe(once)
  })

  it('must have the marks', () => expect(() => replaceSection(document, 'b', 'new')).toThrow(/figures: b/))
})
