/** Lanczos' approximation with g = 7 and nine terms: relative error about 1e-15 for positive arguments. */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const

/** The natural logarithm of the gamma function, for x of at least 0.5. */
export function logGamma(x: number): number {
  const shifted = x - 1
  const series = lanczos.reduce((sum, term, index) => (index === 0 ? term : sum + term / (shifted + index)), 0)
  const base = shifted + 7.5
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(series)
}

/** The continued fraction of the incomplete beta function by Lentz' method (NIST DLMF, 8.17.22). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value)
  let numerator = 1
  let denominator = 1 / away(1 - ((a + b) * x) / (a + 1))
  let fraction = denominator
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    let factor = 1
    for (const coefficient of [even, odd]) {
      denominator = 1 / away(1 + coefficient * denominator)
      numerator = away(1 + coefficient / numerator)
      factor = numerator * denominator
      fraction *= factor
    }
    if (Math.abs(factor - 1) < 1e-16) break
  }
  return fraction
}

/** The regularised incomplete beta function I_x(a, b), for a and b of at least 0.5 (NIST DLMF, 8.17). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  // The fraction converges fast on this side of the mean only.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front = a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b)
  return (Math.exp(front) * betaFraction(x, a, b)) / a
}

/** The chance that Student's t with `freedom` degrees of freedom is at least as far from 0 as `t`, either way. */
export const studentTwoSided = (t: number, freedom: number): number =>
  incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5)
