import { describe, expect, it } from 'vitest'
import {
  counted,
  duration,
  percentage,
  plainNumber,
  signed,
  stopwatch,
  wholeNumber,
} from '../../src/commands/figures.ts'

describe('figures', () => {
  it('read as people write them', () => {
    expect([wholeNumber(1_234_567), plainNumber(0.412_66), percentage(0.1234)]).toEqual([
      '1,234,567',
      '0.4127',
      '12.3 %',
    ])
    expect([counted(1, 'pair'), counted(3_350, 'pair'), counted(2, 'query', 'queries')]).toEqual([
      '1 pair',
      '3,350 pairs',
      '2 queries',
    ])
    expect([signed(0.0311), signed(-0.0042), signed(-0.000_01), signed(0)]).toEqual([
      '+0.0311',
      '−0.0042',
      '0.0000',
      '0.0000',
    ])
  })

  it('never show sixty seconds or sixty minutes', () => {
    expect([0, 420, 59_940, 59_960, 119_600, 3_599_700, 3_720_000].map(duration)).toEqual([
      '0.0 s',
      '0.4 s',
      '59.9 s',
      '1 min 00 s',
      '2 min 00 s',
      '1 h 00 min',
      '1 h 02 min',
    ])
    expect([0, 7_900, 750_000, 3_723_000].map(stopwatch)).toEqual(['0:00', '0:07', '12:30', '1:02:03'])
  })
})
