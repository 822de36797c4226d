/** Numbers of which `run` share a scale, those that lie `stride` places apart: the array is [outer, run, stride], a scale each [outer, 1, stride]. */
export type Blocks = { readonly run: number; readonly stride: number }

/** Numbers in 8 bits: each is its code times the scale of its block, zero staying zero. */
export type Coded = { readonly codes: Int8Array; readonly scales: Float32Array }

/** Steps on either side of zero. The code -128 stays unused, so that opposite numbers have opposite codes. */
const STEPS = 127

/** What is smaller throughout is stored as zero: its scale would be too small for a float32 to say exactly. */
const SMALLEST = 2 ** -100

/** Beyond it the largest code times its scale, which is rounded, might be too large for a float32. */
export const LARGEST = 2 ** 120

/** Which scale the number at a place has. */
const scaleAt =
  ({ run, stride }: Blocks) =>
  (at: number): number =>
    Math.floor(at / (run * stride)) * stride + (at % stride)

/**
 * Brings numbers of at most `LARGEST` to 8 bits, the largest of a block to the code 127 or -127, so that none is off by more than half its scale. The
 * array is a whole number of blocks.
 */
export function encodeBlocks(values: Float32Array, blocks: Blocks): Coded {
  const scaleOf = scaleAt(blocks)
  const scales = new Float32Array(values.length / blocks.run)
  for (let at = 0; at < values.length; at++) {
    const block = scaleOf(at)
    scales[block] = Math.max(scales[block] as number, Math.abs(values[at] as number))
  }
  for (const [block, largest] of scales.entries()) scales[block] = largest < SMALLEST ? 0 : largest / STEPS
  const codes = new Int8Array(values.length)
  for (let at = 0; at < values.length; at++) {
    const scale = scales[scaleOf(at)] as number
    if (scale > 0) codes[at] = Math.round((values[at] as number) / scale)
  }
  return { codes, scales }
}

/** The numbers that `encodeBlocks` stored, as the graph computes them. */
export function decodeBlocks({ codes, scales }: Coded, blocks: Blocks): Float32Array {
  const scaleOf = scaleAt(blocks)
  return Float32Array.from(codes, (code, at) => code * (scales[scaleOf(at)] ?? 0))
}
