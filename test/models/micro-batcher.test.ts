import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMicroBatcher } from '../../src/models/micro-batcher.ts'

/** Doubles numbers and notes the batches in which it was given them. */
function doubling(maxSize: number, maxAge = 0, atOnce = 1) {
  const batches: number[][] = []
  const run = async (items: readonly number[]) => {
    batches.push([...items])
    if (items.includes(13)) throw new Error('thirteen')
    return items.map((item) => item * 2)
  }
  return { batches, batcher: createMicroBatcher({ maxSize, maxAge, atOnce, run }) }
}

describe('micro-batcher', () => {
  it('joins the calls of the same turn and cuts at the size', async () => {
    const { batches, batcher } = doubling(3)
    const results = await Promise.all([batcher.submit([1]), batcher.submit([2, 3, 4]), batcher.submit([5])])
    expect(results).toEqual([[2], [4, 6, 8], [10]])
    expect(batches).toEqual([
      [1, 2, 3],
      [4, 5],
    ])
  })

  it('starts at once when a batch is full, without waiting for its age', async () => {
    const { batches, batcher } = doubling(2, 3_600_000)
    expect(await batcher.submit([1, 2])).toEqual([2, 4])
    expect(batches).toHaveLength(1)
  })

  it('runs one batch at a time and fills the next meanwhile', async () => {
    let running = 0
    const sizes: number[] = []
    const batcher = createMicroBatcher({
      maxSize: 8,
      maxAge: 0,
      run: async (items: readonly number[]) => {
        expect(++running).toBe(1)
        sizes.push(items.length)
        await new Promise((resolve) => setImmediate(resolve))
        running--
        return items
      },
    })
    const first = batcher.submit([0])
    await new Promise((resolve) => setTimeout(resolve, 2)) // the first batch is under way
    await Promise.all([first, ...[1, 2, 3].map((item) => batcher.submit([item]))])
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(4)
  })

  it('runs several batches at a time where it may, and a batch that is not full only by itself', async () => {
    const ends: (() => void)[] = []
    const sizes: number[] = []
    const batcher = createMicroBatcher({
      maxSize: 2,
      maxAge: 0,
      atOnce: 2,
      run: async (items: readonly number[]) => {
        sizes.push(items.length)
        await new Promise<void>((resolve) => void ends.push(resolve))
        return items
      },
    })
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const calls = [1, 2, 3, 4, 5].map((item) => batcher.submit([item]))
    await turn()
    expect(sizes).toEqual([2, 2])
    ends[0]?.()
    await turn()
    await turn()
    expect(sizes).toEqual([2, 2]) // the fifth may still find company
    calls.push(batcher.submit([6]))
    await turn()
    expect(sizes).toEqual([2, 2, 2])
    calls.push(batcher.submit([7]))
    for (const end of ends) end()
    while (sizes.length < 4) await turn()
    for (const end of ends) end()
    expect(await Promise.all(calls)).toEqual([[1], [2], [3], [4], [5], [6], [7]])
  })

  it('fails the calls of a failing batch, and no other', async () => {
    const { batcher } = doubling(2)
    const calls = [batcher.submit([13]), batcher.submit([1]), batcher.submit([2])]
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
  })

  it('answers a call without items', async () => {
    expect(await doubling(2).batcher.submit([])).toEqual([])
  })

  it('finishes what it has and refuses more once it is closed', async () => {
    const { batcher } = doubling(8, 3_600_000)
    const before = batcher.submit([4])
    await batcher.close()
    expect(await before).toEqual([8])
    await expect(batcher.submit([5])).rejects.toMatchObject({ code: 'model-not-found' })
  })

  it('gives every caller its own results, however calls fall together', async () => {
    const calls = fc.array(fc.array(fc.integer({ min: 20, max: 99 }), { maxLength: 7 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(
        calls,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 3 }),
        async (lists, maxSize, atOnce) => {
          const { batches, batcher } = doubling(maxSize, 0, atOnce)
          const results = await Promise.all(lists.map((list) => batcher.submit(list)))
          expect(results).toEqual(lists.map((list) => list.map((item) => item * 2)))
          expect(batches.every((batch) => batch.length <= maxSize)).toBe(true)
        },
      ),
      { numRuns: 50 },
    )
  })
})
