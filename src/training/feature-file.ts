import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../core/errors.ts'
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

/**
 * What features are centred by and multiplied with, over all views of the given rows. A feature is divided by the square root of
 * its own standard deviation times the overall one: half-way between keeping the backbone's proportions, in which a few features
 * may outweigh all others, and evening them out, which gives noise the weight of signal. A constant feature gets scale 0.
 */
export function featureStatistics(file: FeatureFile, rows: readonly number[], views: number, width: number) {
  const sums = new Float64Array(width)
  const squares = new Float64Array(width)
  const row = new Float32Array(width)
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
  const mean = Float32Array.from(sums, (sum) => sum / count)
  const variances = squares.map((sum, i) => Math.max(0, sum / count - ((sums[i] ?? 0) / count) ** 2))
  const overall = variances.reduce((sum, variance) => sum + variance, 0) / width
  const scale = Float32Array.from(variances, (variance) => (variance > 1e-10 ? (variance * overall) ** -0.25 : 0))
  return { mean, scale }
}
