import { describe, expect, it } from 'vitest'
import { filterTerm, offsetOrTime, roleList, splitName, wholeNumber } from '../../src/commands/option-values.ts'

describe('option values', () => {
  it('add up to a filter', () => {
    const terms = ['colour=red', 'colour=blue', 'place=a=b', 'split=val', 'split=test']
    const filter = terms.reduce<ReturnType<typeof filterTerm> | undefined>(
      (before, term) => filterTerm(term, before),
      undefined,
    )
    expect(filter).toEqual({ metadata: { colour: ['red', 'blue'], place: ['a=b'] }, splits: ['validation', 'test'] })
  })

  it.each(['colour', '=red', ''])('refuse the filter %j', (term) => {
    expect(() => filterTerm(term)).toThrow('name=value')
  })

  it('list roles', () => {
    expect(roleList('api, embed')).toEqual(['api', 'embed'])
    expect(() => roleList('api,,')).toThrow('The roles are')
  })

  it('name splits', () => {
    expect(splitName('dev')).toBe('validation')
    expect(() => splitName('')).toThrow('train')
  })

  it('are an offset, or a time with its zone', () => {
    expect(offsetOrTime('12')).toBe(12)
    expect(offsetOrTime('2026-11-20T12:00:00Z')).toEqual(new Date(Date.UTC(2026, 10, 20, 12)))
    expect(offsetOrTime('2026-11-20T12:00+02:00')).toEqual(new Date(Date.UTC(2026, 10, 20, 10)))
  })

  it.each([
    '',
    '-1',
    '1.5',
    '2026-11-20',
    '2026-11-20T12:00:00',
    '2026-13-20T12:00:00Z',
    '2026-11-31T12:00:00Z',
    '2026-02-29T23:00:00+05:00',
    'noon',
  ])('refuse %j as an offset or a time', (text) => {
    expect(() => offsetOrTime(text)).toThrow('2026-11-20T12:00:00Z')
  })

  it.each(['0', '11', '1.5', '-1', '1e1', 'ten', ''])('refuse %j as a whole number from 1 to 10', (text) => {
    expect(() => wholeNumber(1, 10)(text)).toThrow('from 1 to 10')
  })

  it('count', () => expect(wholeNumber(1, 10)('10')).toBe(10))
})
