/**
 * The value below which the share `q` of the values lies, interpolated linearly between neighbours (Hyndman and Fan, 1996,
 * definition 7, which NumPy's `quantile` also uses). NaN for no values.
 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * q
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Latencies in milliseconds. */
export type Latency = {
  readonly count: number
  readonly median: number
  readonly p99: number
  readonly longest: number
}

export const latencyOf = (milliseconds: readonly number[]): Latency => ({
  count: milliseconds.length,
  median: median(milliseconds),
  p99: quantile(milliseconds, 0.99),
  longest: quantile(milliseconds, 1),
})

/**
 * The median of the ratios of values measured in the same round, and the least and greatest of them: what slows the machine down
 * for a while slows both sides of a round.
 */
export function ratioByRound(values: readonly number[], peers: readonly number[]) {
  const ratios = values.map((value, round) => value / (peers[round] ?? Number.NaN))
  return { median: median(ratios), least: quantile(ratios, 0), greatest: quantile(ratios, 1) }
}

/** The same for a table: the median, and what lies between least and greatest. */
export function ratioCells(values: readonly number[], peers: readonly number[]): [string, string] {
  const { median: ratio, least, greatest } = ratioByRound(values, peers)
  return [ratio.toFixed(2), `${least.toFixed(2)} to ${greatest.toFixed(2)}`]
}
