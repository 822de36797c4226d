import { describe, expect, it } from 'vitest'
import { formatTable } from '../../src/commands/table.ts'

describe('formatTable', () => {
  it('aligns text to the left, numbers to the right, with thousands separators', () => {
    const table = formatTable(
      ['model', 'pairs', { title: 'R@10', align: 'right' }, 'state'],
      [
        ['m-1a2b3c4d5e', 20_000, '52.1 %', 'retired'],
        ['m-66', 9, '8.0 %', ''],
        ['a model with a name', null, '100.0 %', 'serves'],
      ],
    )
    expect(table.split('\n')).toEqual([
      'model                 pairs     R@10  state',
      '───────────────────  ──────  ───────  ───────',
      'm-1a2b3c4d5e         20,000   52.1 %  retired',
      'm-66                      9    8.0 %',
      'a model with a name       –  100.0 %  serves',
    ])
  })

  it('is a header alone without rows', () => {
    expect(formatTable(['a', 'bc'], [])).toBe('a  bc\n─  ──')
  })

  it('keeps a row on its line whatever a cell holds', () => {
    const table = formatTable(
      ['caption', 'n'],
      [
        ['two\nlines\u001b[31m', 1],
        ['x', 2],
      ],
    )
    expect(table.split('\n')).toEqual([
      'caption         n',
      '──────────────  ─',
      'two lines [31m  1',
      'x               2',
    ])
    expect(table).not.toMatch(/[^\P{Cc}\n]/u)
  })

  it('fills short rows and keeps numbers exact to four decimals', () => {
    expect(
      formatTable(['a', 'b'], [[0.41326], [1, 'x']])
        .split('\n')
        .slice(2),
    ).toEqual(['0.4133  –', '     1  x'])
  })
})
