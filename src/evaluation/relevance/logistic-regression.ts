const ROUNDS = 100
const SETTLED = 1e-10
/** Keeps slopes finite where the labels can be told apart without an error. */
const RIDGE = 1e-3

/** What a fit says: `intercept`, a slope a feature, and the mean log-likelihood of an observation. */
export type LogisticFit = {
  readonly intercept: number
  readonly slopes: readonly number[]
  readonly logLikelihood: number
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

/** Solves a symmetric positive definite system in place (Gauss, without pivots). */
function solve(matrix: number[][], right: number[]): number[] {
  const size = right.length
  const at = (row: number, column: number): number => matrix[row]?.[column] ?? 0
  for (let pivot = 0; pivot < size; pivot++) {
    for (let row = pivot + 1; row < size; row++) {
      const factor = at(row, pivot) / at(pivot, pivot)
      for (let column = pivot; column < size; column++)
        (matrix[row] as number[])[column] = at(row, column) - factor * at(pivot, column)
      right[row] = (right[row] ?? 0) - factor * (right[pivot] ?? 0)
    }
  }
  for (let row = size - 1; row >= 0; row--) {
    let sum = right[row] ?? 0
    for (let column = row + 1; column < size; column++) sum -= at(row, column) * (right[column] ?? 0)
    right[row] = sum / at(row, row)
  }
  return right
}

function standard(values: Float64Array): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return { mean, deviation: variance === 0 ? 1 : Math.sqrt(variance) }
}

/**
 * Logistic regression by Newton's steps (iteratively reweighted least squares: Hastie, Tibshirani and Friedman, "The elements of statistical learning",
 * 4.4.1) on features of equal length, a small ridge on the slopes of the standardised features. A slope that would be negative is 0 instead.
 */
export function fitLogistic(features: readonly Float64Array[], isPositive: readonly boolean[]): LogisticFit {
  const scales = features.map(standard)
  const rows = isPositive.map((_, row) => [
    1,
    ...features.map((values, i) => ((values[row] ?? 0) - (scales[i]?.mean ?? 0)) / (scales[i]?.deviation ?? 1)),
  ])
  let used = [0, ...features.map((_, i) => i + 1)]
  for (;;) {
    const weights = newton(rows, isPositive, used)
    const negative = used.find((column) => column > 0 && (weights[column] ?? 0) < 0)
    if (negative === undefined) {
      const slopes = scales.map(({ deviation }, i) => (weights[i + 1] ?? 0) / deviation)
      const intercept = slopes.reduce((sum, slope, i) => sum - slope * (scales[i]?.mean ?? 0), weights[0] ?? 0)
      return { intercept, slopes, logLikelihood: logLikelihood(rows, isPositive, weights) }
    }
    used = used.filter((column) => column !== negative)
  }
}

const predicted = (row: readonly number[], weights: readonly number[]): number =>
  logistic(row.reduce((sum, value, column) => sum + value * (weights[column] ?? 0), 0))

function logLikelihood(rows: readonly number[][], isPositive: readonly boolean[], weights: readonly number[]): number {
  const least = 1e-15
  const sum = rows.reduce((total, row, i) => {
    const p = predicted(row, weights)
    return total + Math.log(Math.max(least, isPositive[i] === true ? p : 1 - p))
  }, 0)
  return sum / rows.length
}

/** The weights of the columns in `used`; those of the others are 0. */
function newton(rows: readonly number[][], isPositive: readonly boolean[], used: readonly number[]): number[] {
  const weights = new Array<number>(rows[0]?.length ?? 0).fill(0)
  for (let round = 0; round < ROUNDS; round++) {
    const gradient = used.map((column) => (column === 0 ? 0 : -RIDGE * rows.length * (weights[column] ?? 0)))
    const hessian = used.map((column, i) => used.map((_, j) => (i === j && column > 0 ? RIDGE * rows.length : 0)))
    for (const [index, row] of rows.entries()) {
      const p = predicted(row, weights)
      // Where all are surely told apart the curvature would vanish.
      const curvature = Math.max(1e-9, p * (1 - p))
      const error = (isPositive[index] === true ? 1 : 0) - p
      for (const [i, column] of used.entries()) {
        const value = row[column] ?? 0
        gradient[i] = (gradient[i] ?? 0) + error * value
        for (const [j, other] of used.entries()) {
          const line = hessian[i] as number[]
          line[j] = (line[j] ?? 0) + curvature * value * (row[other] ?? 0)
        }
      }
    }
    const step = solve(hessian, gradient)
    for (const [i, column] of used.entries()) weights[column] = (weights[column] ?? 0) + (step[i] ?? 0)
    if (step.every((change) => Math.abs(change) < SETTLED)) break
  }
  return weights
}
