import type { Preprocessing } from './preprocessing.ts'

/**
 * Resizing as Pillow does it, to the same bytes (Pillow/src/libImaging/Resample.c): weights in fixed point, rows first, each pass
 * rounded to a byte. (Its newest versions take the columns of tall, narrow pictures first.) libvips places its weights on a grid of 1/64
 * pixel, which a network that is compared with its reference notices.
 */

type Size = { readonly width: number; readonly height: number }
type Filter = { readonly support: number; readonly weight: (distance: number) => number }

const CHANNELS = 3
/** Bits behind the point of a weight. */
const PRECISION = 22

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

const filters: Readonly<Record<Exclude<Preprocessing['kernel'], 'nearest'>, Filter>> = {
  linear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  cubic: { support: 2, weight: (distance) => cubic(Math.abs(distance), -0.5) },
  lanczos3: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

/** Keys' kernel: R. Keys, "Cubic convolution interpolation for digital image processing", 1981. */
function cubic(x: number, a: number): number {
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
}

/** For each output the first input that it reads, and the weights of that and the following ones. */
type Taps = { readonly first: Int32Array; readonly weights: readonly Int32Array[] }

function tapsFor(from: number, to: number, { support, weight }: Filter): Taps {
  const scale = from / to
  const spread = Math.max(1, scale)
  const first = new Int32Array(to)
  const weights = Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - support * spread + 0.5))
    const end = Math.min(from, Math.trunc(centre + support * spread + 0.5))
    first[index] = start
    const raw = Float64Array.from({ length: end - start }, (__, i) => weight((i + start - centre + 0.5) / spread))
    const sum = raw.reduce((total, value) => total + value, 0)
    const fixed = (value: number): number => {
      const scaled = (sum === 0 ? value : value / sum) * 2 ** PRECISION
      return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    }
    return Int32Array.from(raw, fixed)
  })
  return { first, weights }
}

/** What is resized along one axis: distances between neighbours along it and between lines, in the input and in the result. */
function pass(source: Uint8Array, { first, weights }: Taps, lines: number, at: Strides): Uint8Array {
  const result = new Uint8ClampedArray(lines * weights.length * CHANNELS)
  const [half, whole] = [2 ** (PRECISION - 1), 2 ** PRECISION]
  for (let line = 0; line < lines; line++) {
    for (const [index, own] of weights.entries()) {
      let [red, green, blue] = [half, half, half]
      let place = line * at.across + (first[index] ?? 0) * at.step
      for (const weight of own) {
        red += weight * (source[place] ?? 0)
        green += weight * (source[place + 1] ?? 0)
        blue += weight * (source[place + 2] ?? 0)
        place += at.step
      }
      const target = line * at.targetAcross + index * at.targetStep
      result[target] = Math.floor(red / whole)
      result[target + 1] = Math.floor(green / whole)
      result[target + 2] = Math.floor(blue / whole)
    }
  }
  return new Uint8Array(result.buffer)
}

type Strides = {
  readonly step: number
  readonly across: number
  readonly targetStep: number
  readonly targetAcross: number
}

/** Interleaved RGB bytes at another size. */
export function resizeAsPillow(
  rgb: Uint8Array,
  from: Size,
  to: Size,
  kernel: Exclude<Preprocessing['kernel'], 'nearest'>,
): Uint8Array {
  const filter = filters[kernel]
  let result = rgb
  if (from.width !== to.width) {
    const taps = tapsFor(from.width, to.width, filter)
    const across = from.width * CHANNELS
    result = pass(result, taps, from.height, { step: CHANNELS, across, targetStep: CHANNELS, targetAcross: to.width * CHANNELS }) // prettier-ignore
  }
  if (from.height !== to.height) {
    const taps = tapsFor(from.height, to.height, filter)
    const step = to.width * CHANNELS
    result = pass(result, taps, to.width, { step, across: CHANNELS, targetStep: step, targetAcross: CHANNELS })
  }
  return result
}
