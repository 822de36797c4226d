import { AppError } from '../core/errors.ts'
import { normalise } from '../core/vector.ts'

/**
 * Unit rows of a matrix [rows, width]. A text without a known word may be zero before, and is then the same for all such texts. Throws
 * `model-corrupt` where these are no numbers, or not as many.
 */
export function unitRows(values: Float32Array, rows: number, width: number): Float32Array[] {
  if (values.length !== rows * width || !values.every(Number.isFinite)) {
    throw new AppError('model-corrupt', `The model does not give ${width} numbers a vector; export it again.`)
  }
  return Array.from({ length: rows }, (_, row) => {
    const unit = normalise(values.slice(row * width, (row + 1) * width))
    if (unit.every((value) => value === 0)) unit[0] = 1
    return unit
  })
}
