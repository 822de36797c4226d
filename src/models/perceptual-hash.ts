import { sha256Hex } from '../core/ids.ts'

/** What `perceptualHash` takes: a picture shrunk to this size, whatever its shape. */
export const HASH_INPUT = { width: 72, height: 64 } as const

/** A step counts when it is clearly brighter: noise and compression move a mean by less than this (of 255). */
const CLEAR_STEP = 8
/** With fewer bits of the rarer kind than this, brightness says too little to tell drawings on plain grounds apart. */
const LEAST_STRUCTURE = 8

type Plane = (red: number, green: number, blue: number) => number

/** Brightness and the two colour differences of JFIF (ITU-R BT.601). */
const luma: Plane = (red, green, blue) => 0.299 * red + 0.587 * green + 0.114 * blue
const blueness: Plane = (red, green, blue) => 0.564 * (blue - luma(red, green, blue))
const redness: Plane = (red, green, blue) => 0.713 * (red - luma(red, green, blue))

/** Means of a plane over a grid of equal rectangles. */
function grid(rgb: Uint8Array, plane: Plane, columns: number, rows: number): Float64Array {
  const { width, height } = HASH_INPUT
  const means = new Float64Array(columns * rows)
  const share = (columns * rows) / (width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cell = Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)
      const at = (y * width + x) * 3
      means[cell] = (means[cell] ?? 0) + plane(rgb[at] ?? 0, rgb[at + 1] ?? 0, rgb[at + 2] ?? 0) * share
    }
  }
  return means
}

/** For each pair of neighbours in a row of the grid, whether the right one is clearly higher. */
function steps(rgb: Uint8Array, plane: Plane, columns: number, rows: number): boolean[] {
  const means = grid(rgb, plane, columns, rows)
  const bits: boolean[] = []
  for (let row = 0; row < rows; row++) {
    for (let column = 1; column < columns; column++) {
      const right = row * columns + column
      bits.push((means[right] ?? 0) - (means[right - 1] ?? 0) > CLEAR_STEP)
    }
  }
  return bits
}

/**
 * A text of 18 hexadecimal digits that near-duplicates usually share, of the interleaved RGB bytes of a picture shrunk to
 * `HASH_INPUT`: a difference hash (N. Krawetz, "Kind of Like That", hackerfactor.com, 2013) of brightness on 9 x 8 cells and of both
 * colour differences on 3 x 2. A picture with hardly any steps shares it only with exact copies: the digits are then those of
 * the SHA-256 of its pixels, else all drawings on plain grounds would count as one.
 */
export function perceptualHash(rgb: Uint8Array): string {
  const brightness = steps(rgb, luma, 9, 8)
  const rising = brightness.filter(Boolean).length
  if (Math.min(rising, brightness.length - rising) < LEAST_STRUCTURE) return sha256Hex(rgb).slice(0, 18)
  const bits = [...brightness, ...steps(rgb, blueness, 3, 2), ...steps(rgb, redness, 3, 2)]
  let digits = ''
  for (let at = 0; at < bits.length; at += 4) {
    digits += bits
      .slice(at, at + 4)
      .reduce((digit, bit) => digit * 2 + Number(bit), 0)
      .toString(16)
  }
  return digits
}
