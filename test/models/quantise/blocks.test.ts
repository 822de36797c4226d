import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBlocks, encodeBlocks, LARGEST } from '../../../src/models/quantise/blocks.ts'

const blocks = fc.record({
  outer: fc.integer({ min: 1, max: 4 }),
  run: fc.integer({ min: 1, max: 9 }),
  stride: fc.integer({ min: 1, max: 5 }),
})
const finite = fc.float({ noNaN: true, min: -LARGEST, max: LARGEST })

describe('numbers in 8 bits', () => {
  it('are off by half a step at most, and the largest of a block has the last code', () => {
    const arrays = blocks.chain(({ outer, run, stride }) => {
      const length = outer * run * stride
      return fc.tuple(
        fc.constant({ run, stride }),
        fc.float32Array({ minLength: length, maxLength: length, noNaN: true, min: -LARGEST, max: LARGEST }),
      )
    })
    fc.assert(
      fc.property(arrays, ([layout, values]) => {
        const coded = encodeBlocks(values, layout)
        const decoded = decodeBlocks(coded, layout)
        const { run, stride } = layout
        for (const [block, scale] of coded.scales.entries()) {
          const places = Array.from(
            { length: run },
            (_, i) => Math.floor(block / stride) * run * stride + i * stride + (block % stride),
          )
          const largest = Math.max(...places.map((at) => Math.abs(values[at] as number)))
          for (const at of places) {
            const error = Math.abs((values[at] as number) - (decoded[at] as number))
            // Rounded to float32 twice: in the scale, and in what it is multiplied with.
            expect(error).toBeLessThanOrEqual(Math.max(scale / 2 + largest * 2 ** -22, 2 ** -100))
          }
          const codes = places.map((at) => Math.abs(coded.codes[at] as number))
          expect(Math.max(...codes)).toBe(scale === 0 ? 0 : 127)
        }
      }),
    )
  })

  it('are zero where a block is zero, and the opposite of the opposite', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 20 }), (numbers) => {
        const values = Float32Array.from(numbers)
        const layout = { run: values.length, stride: 1 }
        const { codes, scales } = encodeBlocks(values, layout)
        const opposite = encodeBlocks(
          values.map((value) => -value),
          layout,
        )
        expect(opposite.scales).toEqual(scales)
        // Halves round upwards on both sides of zero, so these two may differ by one.
        for (const [at, code] of codes.entries())
          expect(Math.abs(code + (opposite.codes[at] as number))).toBeLessThanOrEqual(1)
        const zeros = decodeBlocks(encodeBlocks(new Float32Array(values.length), layout), layout)
        expect(zeros).toEqual(new Float32Array(values.length))
      }),
    )
  })

  it('keeps a constant row to the last digits', () => {
    fc.assert(
      fc.property(finite, fc.integer({ min: 1, max: 40 }), (value, length) => {
        fc.pre(Math.abs(value) > 1e-20)
        const layout = { run: length, stride: 1 }
        const decoded = decodeBlocks(encodeBlocks(new Float32Array(length).fill(value), layout), layout)
        for (const one of decoded) expect(Math.abs(one / value - 1)).toBeLessThan(1e-6)
      }),
    )
  })

  it('shares scales down a column or along a row', () => {
    const values = Float32Array.of(1, 100, -2, 50)
    expect(encodeBlocks(values, { run: 2, stride: 2 }).scales).toEqual(Float32Array.of(2 / 127, 100 / 127))
    expect(encodeBlocks(values, { run: 2, stride: 1 }).scales).toEqual(Float32Array.of(100 / 127, 50 / 127))
  })
})
