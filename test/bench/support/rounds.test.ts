import { expect, it } from 'vitest'
import { alternate } from '../../../bench/support/rounds.ts'

it('lets the sides take turns at being first, and keeps the results by round', async () => {
  const order: string[] = []
  const side = (name: string) => async (round: number) => {
    order.push(name)
    return `${name}${round}`
  }
  const results = await alternate(2, { a: side('a'), b: side('b') })
  expect(order).toEqual(['a', 'b', 'b', 'a'])
  expect(results).toEqual({ a: ['a0', 'a1'], b: ['b0', 'b1'] })
})
