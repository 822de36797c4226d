import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWithin, parseRange, rangeOf, valueOf, type WrittenBounds } from '../../src/core/value-range.ts'

const invalid = expect.objectContaining({ code: 'filter-invalid' }) as Error

describe('what a metadata value counts as', () => {
  it('is a number where it is written in decimals', () => {
    expect(['7', ' -1.5 ', '+.5', '1e3', '007'].map((text) => valueOf('numbers', text))).toEqual([
      7, -1.5, 0.5, 1000, 7,
    ])
    for (const text of ['', '-', '.', '1,5', '0x10', 'Infinity', '1e999', '7 km', '2024-06-30'])
      expect(valueOf('numbers', text)).toBeNull()
  })

  it('is a date where it is one of ISO 8601, in UTC where no zone is said', () => {
    const written: readonly [string, string][] = [
      ['2024-06-30', '2024-06-30T00:00:00.000Z'],
      ['2024-06-30T12:30', '2024-06-30T12:30:00.000Z'],
      ['2024-06-30 12:30:15.25Z', '2024-06-30T12:30:15.250Z'],
      ['2024-06-30t01:00:00+02:00', '2024-06-29T23:00:00.000Z'],
    ]
    for (const [text, time] of written) expect(valueOf('dates', text)).toBe(Date.parse(time))
    for (const text of ['', '2024', '2024-06', '2024-02-30', '30.6.2024', '2024-06-30T25:00', '2024-06-30T'])
      expect(valueOf('dates', text)).toBeNull()
  })
})

describe('a range', () => {
  it('takes days as whole days', () => {
    const day = (bounds: WrittenBounds, text: string) => isWithin(rangeOf(bounds), text)
    expect(day({ lte: '2024-06-30' }, '2024-06-30T23:59:59.999Z')).toBe(true)
    expect(day({ lte: '2024-06-30' }, '2024-07-01')).toBe(false)
    expect(day({ lt: '2024-06-30' }, '2024-06-30')).toBe(false)
    expect(day({ gt: '2024-06-30' }, '2024-06-30T23:59:59Z')).toBe(false)
    expect(day({ gt: '2024-06-30' }, '2024-07-01')).toBe(true)
    expect(day({ gte: '2024-06-30T12:00Z', lte: '2024-06-30T12:00Z' }, '2024-06-30T12:00:00Z')).toBe(true)
  })

  it('is refused where it has no bounds, two of a side, or bounds of two kinds', () => {
    const wrong: WrittenBounds[] = [
      {},
      { gte: undefined },
      { gte: 1, gt: 2 },
      { lte: 1, lt: 2 },
      { gte: 1, lte: '2024-06-30' },
      { gte: '1' },
      { lt: '2024-02-30' },
    ]
    for (const bounds of wrong) expect(() => rangeOf(bounds)).toThrow(invalid)
    for (const text of ['2019', '..', 'a..b', '1..2..3', '1..2024-06-30'])
      expect(() => parseRange(text)).toThrow(invalid)
  })

  it('is written with two dots, its ends included', () => {
    expect(parseRange('2019..2021')).toEqual({ of: 'numbers', gte: 2019, lte: 2021 })
    expect(parseRange(' -1.5 .. ')).toEqual({ of: 'numbers', gte: -1.5 })
    expect(parseRange('..2024-06-30')).toEqual({ of: 'dates', lt: Date.parse('2024-07-01') })
  })

  it('holds a number exactly where comparing it says so', () => {
    const bound = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: undefined })
    fc.assert(
      fc.property(
        bound,
        bound,
        fc.boolean(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (low, high, strict, value) => {
          fc.pre(low !== undefined || high !== undefined)
          const range = rangeOf(strict ? { gt: low, lt: high } : { gte: low, lte: high })
          const above = low === undefined || (strict ? value > low : value >= low)
          const below = high === undefined || (strict ? value < high : value <= high)
          expect(isWithin(range, String(value))).toBe(above && below)
        },
      ),
    )
  })
})
