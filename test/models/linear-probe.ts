/** Scores of an input for each label; the highest is the answer. */
export type LinearProbe = (features: Float32Array) => number[]

/**
 * Ridge regression onto +1 and -1 for each label, over standardised features, in its dual form (one unknown an example), by
 * Cholesky's decomposition: what a linear head could read from features at best. Decomposed once, fitted to any answers.
 */
export function createLinearProbes(inputs: readonly Float32Array[], ridge: number) {
  const width = inputs[0]?.length ?? 0
  const count = inputs.length
  const mean = new Float64Array(width)
  const variance = new Float64Array(width)
  for (const input of inputs) input.forEach((value, i) => (mean[i] = at(mean, i) + value / count))
  for (const input of inputs)
    input.forEach((value, i) => (variance[i] = at(variance, i) + (value - at(mean, i)) ** 2 / count))
  const standard = (input: Float32Array) =>
    Float64Array.from(input, (value, i) => (value - at(mean, i)) / (Math.sqrt(at(variance, i)) + 1e-6))
  const rows = inputs.map(standard)
  const kernel = rows.map((row, i) =>
    Float64Array.from({ length: i + 1 }, (_, j) => product(row, rows[j]) + (i === j ? ridge : 0)),
  )
  const lower = cholesky(kernel)
  return (answers: readonly number[], labels: number): LinearProbe => {
    const duals = Array.from({ length: labels }, (_, label) =>
      solve(
        lower,
        answers.map((answer) => (answer === label ? 1 : -1)),
      ),
    )
    return (features) => {
      const input = standard(features)
      const likeness = Float64Array.from(rows, (row) => product(row, input))
      return duals.map((dual) => product(dual, likeness))
    }
  }
}

const at = (values: Float64Array | undefined, index: number): number => values?.[index] ?? 0

function product(a: Float64Array, b: Float64Array | undefined): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += at(a, i) * at(b, i)
  return sum
}

/** The lower triangle L with L Lᵀ = `matrix`, row by row. */
function cholesky(matrix: readonly Float64Array[]): Float64Array[] {
  const lower: Float64Array[] = []
  for (const [i, source] of matrix.entries()) {
    const row = new Float64Array(i + 1)
    for (let j = 0; j <= i; j++) {
      let sum = at(source, j)
      for (let k = 0; k < j; k++) sum -= at(row, k) * at(i === j ? row : lower[j], k)
      row[j] = i === j ? Math.sqrt(sum) : sum / at(lower[j], j)
    }
    lower.push(row)
  }
  return lower
}

/** Solves L Lᵀ x = `right`. */
function solve(lower: readonly Float64Array[], right: readonly number[]): Float64Array {
  const result = Float64Array.from(right)
  for (let i = 0; i < result.length; i++) {
    for (let k = 0; k < i; k++) result[i] = at(result, i) - at(lower[i], k) * at(result, k)
    result[i] = at(result, i) / at(lower[i], i)
  }
  for (let i = result.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < result.length; k++) result[i] = at(result, i) - at(lower[k], i) * at(result, k)
    result[i] = at(result, i) / at(lower[i], i)
  }
  return result
}
