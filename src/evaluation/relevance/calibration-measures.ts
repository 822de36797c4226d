/** A probability that was said, and whether it came true. */
export type Said = { readonly p: number; readonly isRight: boolean }

export type Bin = { readonly said: number; readonly seen: number; readonly hits: number }

const BINS = 15

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Up to 15 bins of equally many, by rising probability: what was said on average, and the share that came true. */
export function reliabilityBins(said: readonly Said[]): Bin[] {
  const sorted = said.toSorted((a, b) => a.p - b.p)
  const bins = Math.min(BINS, sorted.length)
  return Array.from({ length: bins }, (_, bin) => {
    const part = sorted.slice(Math.round((bin * sorted.length) / bins), Math.round(((bin + 1) * sorted.length) / bins))
    return {
      said: meanOf(part.map(({ p }) => p)),
      seen: meanOf(part.map(({ isRight }) => (isRight ? 1 : 0))),
      hits: part.length,
    }
  })
}

/**
 * The expected calibration error: how far what was said is from what was seen, as the mean over bins of equally many (Nixon and others, "Measuring
 * calibration in deep learning", 2019). 0 without bins.
 */
export function calibrationError(bins: readonly Bin[]): number {
  const total = bins.reduce((sum, { hits }) => sum + hits, 0)
  return total === 0 ? 0 : bins.reduce((sum, { said, seen, hits }) => sum + hits * Math.abs(said - seen), 0) / total
}

/**
 * The area under the ROC curve: the probability that a right one has a higher probability than a wrong one, ties as half (Mann and Whitney, 1947). A half
 * where all are right or none.
 */
export function auroc(said: readonly Said[]): number {
  const sorted = said.toSorted((a, b) => a.p - b.p)
  let rankSum = 0
  for (let from = 0; from < sorted.length;) {
    let to = from
    while (to < sorted.length && sorted[to]?.p === sorted[from]?.p) to++
    const rank = (from + 1 + to) / 2
    for (; from < to; from++) if (sorted[from]?.isRight === true) rankSum += rank
  }
  const right = said.filter(({ isRight }) => isRight).length
  const wrong = said.length - right
  return right === 0 || wrong === 0 ? 0.5 : (rankSum - (right * (right + 1)) / 2) / (right * wrong)
}
