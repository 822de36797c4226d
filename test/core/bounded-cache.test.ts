import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBoundedCache } from '../../src/core/bounded-cache.ts'

it('keeps what was asked for last, and never more than there is room for', () => {
  const action = fc.record({
    kind: fc.constantFrom('get', 'set', 'delete'),
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    size: fc.integer({ min: 0, max: 12 }),
  })
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const cache = createBoundedCache<number>(10, (size) => size)
      /** The same as a list, oldest first. */
      let expected: [string, number][] = []
      for (const { kind, key, size } of actions) {
        const known = expected.find(([name]) => name === key)
        const others = expected.filter(([name]) => name !== key)
        if (kind === 'get') {
          expect(cache.get(key)).toBe(known?.[1])
          if (known !== undefined) expected = [...others, known]
        } else if (kind === 'delete') {
          cache.delete(key)
          expected = others
        } else {
          cache.set(key, size)
          expected = size > 10 ? others : [...others, [key, size]]
          while (expected.reduce((sum, [, each]) => sum + each, 0) > 10) expected = expected.slice(1)
        }
        expect(cache.keys()).toEqual(expected.map(([name]) => name))
      }
    }),
  )
})
