import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../core/errors.ts'
import { wholeWidth, type DualEncoderShape } from './definitions/shape.ts'
import { FEATURES_FILE } from './training-data.ts'

/** The features of a job, read row by row, so that a data set need not fit in memory; the system caches what it can. */
export type FeatureFile = {
  readonly rows: number
  /** Copies the features of a view of a row into `target` at `offset`. */
  read(row: number, view: number, target: Float32Array, offset: number): void
  close(): void
}

/** Throws `training-failed` when the file does not hold whole rows of `views` times `width` values. */
export function openFeatureFile(jobFolder: string, views: number, width: number, name = FEATURES_FILE): FeatureFile {
  const file = openSync(join(jobFolder, name), 'r')
  const rowBytes = views * width * Float32Array.BYTES_PER_ELEMENT
  const rows = fstatSync(file).size / rowBytes
  if (!Number.isInteger(rows) || rows === 0) {
    closeSync(file)
    throw new AppError('training-failed', `${name} does not hold whole rows of ${views} x ${width} values.`)
  }
  return {
    rows,
    read(row, view, target, offset) {
      const bytes = new Uint8Array(
        target.buffer,
        target.byteOffset + offset * Float32Array.BYTES_PER_ELEMENT,
        rowBytes / views,
      )
      const read = readSync(file, bytes, 0, bytes.length, row * rowBytes + (view * rowBytes) / views)
      if (read < bytes.length) throw new AppError('training-failed', `${name} has no row ${row}.`)
    },
    close: () => closeSync(file),
  }
}

/** Writes the average of a row's views, which is what serving sees of an image, to `target` [width]. */
export function readAverage(file: FeatureFile, row: number, views: number, target: Float32Array): void {
  const view = new Float32Array(target.length)
  target.fill(0)
  for (let index = 0; index < views; index++) {
    file.read(row, index, view, 0)
    for (const [i, value] of view.entries()) target[i] = (target[i] ?? 0) + value / views
  }
}

/** What is subtracted from features, and what they are multiplied with then. */
type Standard = { readonly mean: Float32Array; readonly scale: Float32Array }

/**
 * Of `count` rows of features that add up to `sums`, and squared to `squares`. A feature is divided by the square root of its own standard
 * deviation times the overall one: half-way between keeping the backbone's proportions, in which a few features may outweigh all others,
 * and evening them out, which gives noise the weight of signal. A constant feature gets scale 0.
 */
function standardOf(sums: Float64Array, squares: Float64Array, count: number): Standard {
  const mean = Float32Array.from(sums, (sum) => sum / count)
  const variances = squares.map((sum, i) => Math.max(0, sum / count - ((sums[i] ?? 0) / count) ** 2))
  const overall = variances.reduce((sum, variance) => sum + variance, 0) / sums.length
  const scale = Float32Array.from(variances, (variance) => (variance > 1e-10 ? (variance * overall) ** -0.25 : 0))
  return { mean, scale }
}

/** Adds the parts of `width` of a row up to one. */
function folded(row: Float64Array, width: number): Float64Array {
  const sums = new Float64Array(width)
  for (const [i, value] of row.entries()) sums[i % width] = (sums[i % width] ?? 0) + value
  return sums
}

/**
 * What the features of whole pictures are centred by and multiplied with, over all views of the given rows, and what regions are, all of them alike;
 * null for these where the image head attends to none.
 */
export function featureStatistics(
  file: FeatureFile,
  rows: readonly number[],
  views: number,
  shape: Pick<DualEncoderShape, 'featureWidth' | 'imageHead'>,
): { readonly whole: Standard; readonly regions: Standard | null } {
  const { featureWidth, imageHead } = shape
  const sums = new Float64Array(featureWidth)
  const squares = new Float64Array(featureWidth)
  const row = new Float32Array(featureWidth)
  for (const index of rows) {
    for (let view = 0; view < views; view++) {
      file.read(index, view, row, 0)
      for (const [i, value] of row.entries()) {
        sums[i] = (sums[i] ?? 0) + value
        squares[i] = (squares[i] ?? 0) + value * value
      }
    }
  }
  const count = Math.max(1, rows.length * views)
  const end = wholeWidth(shape)
  const whole = standardOf(sums.subarray(0, end), squares.subarray(0, end), count)
  if (imageHead.kind !== 'attention') return { whole, regions: null }
  const { width, count: perPicture } = imageHead.regions
  const [regionSums, regionSquares] = [sums, squares].map((all) => folded(all.subarray(end), width)) as [
    Float64Array,
    Float64Array,
  ]
  return { whole, regions: standardOf(regionSums, regionSquares, count * perPicture) }
}
