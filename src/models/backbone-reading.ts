import type { OutputLayout } from './backbone-outputs.ts'
import { poolRegions, regionsOf, sizeOfRegions, type Regions } from './regions.ts'
import { patchGrid, tokenPooling, type PictureSize, type TokenConfiguration } from './token-pooling.ts'

/** An output of a picture network whose sizes for one picture are known: [width], [tokens, width] or [channels, height, width]. */
export type SizedOutput = { readonly name: string; readonly layout: OutputLayout; readonly sizes: readonly number[] }

/** How one picture's part of an output is understood. */
export type Reading = {
  /** The output's name. */
  readonly output: string
  /** Values of the output for a picture. */
  readonly size: number
  /** Values that are read. */
  readonly width: number
  /** What the reading depends on beside the network; null where that is nothing. */
  readonly rule: string | null
  /** A copy, of [width]. */
  read(values: Float32Array): Float32Array
}

/** The features of a picture, one row: a vector as it is, the mean of a grid, the token or the mean of tokens that `config` tells. */
export function featureReading(
  { name, layout, sizes }: SizedOutput,
  picture: PictureSize,
  config: TokenConfiguration,
): Reading {
  const size = product(sizes)
  const about = { output: name, size, rule: null }
  if (layout === 'vector') return { ...about, width: size, read: (values) => values.slice() }
  if (layout === 'grid') {
    const [channels = 0] = sizes
    const read = (values: Float32Array) =>
      Float32Array.from({ length: channels }, (_, c) => meanOf(values, c, channels))
    return { ...about, width: channels, read }
  }
  const [tokens = 0, width = 0] = sizes
  const { from, to } = tokenPooling(tokens, picture, config)
  return {
    ...about,
    width,
    rule: `tokens ${from} to ${to}`,
    read: (values) => meanRow(values.subarray(from * width, to * width), width),
  }
}

/** The regions of a picture: means over the cells of a grid, or of the patches among tokens. Throws `model-invalid` where these form no grid. */
export function regionReading(
  { name, layout, sizes }: SizedOutput,
  side: number,
  picture: PictureSize,
  config: TokenConfiguration,
): Reading & { readonly regions: Regions } {
  const size = product(sizes)
  const [first = 0, second = 0, third = 0] = sizes
  const isGrid = layout === 'grid'
  const { from, ...grid } = isGrid ? { from: 0, rows: second, columns: third } : patchGrid(first, picture, config)
  const depth = isGrid ? first : second
  const regions = regionsOf(grid, depth, side)
  const places = (values: Float32Array): Float32Array =>
    isGrid ? transposed(values, grid.rows * grid.columns, depth) : values.subarray(from * depth)
  return {
    output: name,
    size,
    width: sizeOfRegions(regions),
    rule: `regions ${regions.rows} x ${regions.columns} of ${grid.rows} x ${grid.columns} from ${from} of ${name}`,
    read: (values) => poolRegions(places(values), grid, regions),
    regions,
  }
}

/** Rows as one. */
export function joinRows(parts: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(), ...others] = parts
  if (others.length === 0) return first
  const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1)

/** The mean of one of `channels` equal runs. */
function meanOf(values: Float32Array, channel: number, channels: number): number {
  const places = values.length / channels
  let sum = 0
  for (let at = channel * places; at < (channel + 1) * places; at++) sum += values[at] ?? 0
  return sum / places
}

function meanRow(rows: Float32Array, width: number): Float32Array {
  const sums = new Float64Array(width)
  for (const [at, value] of rows.entries()) sums[at % width] = (sums[at % width] ?? 0) + value
  return Float32Array.from(sums, (sum) => sum / (rows.length / width))
}

function transposed(values: Float32Array, places: number, width: number): Float32Array {
  const rows = new Float32Array(values.length)
  for (let channel = 0; channel < width; channel++) {
    for (let place = 0; place < places; place++) rows[place * width + channel] = values[channel * places + place] ?? 0
  }
  return rows
}
