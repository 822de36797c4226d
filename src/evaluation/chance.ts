/**
 * Mean and variance of the reciprocal rank of the first relevant document, where `relevant` of `documents` are relevant and the
 * order is random. The first is later than rank k with probability (N-r)!(N-k)! / (N!(N-r-k)!), taken here factor by factor.
 */
export function reciprocalRankByChance(documents: number, relevant: number): { mean: number; variance: number } {
  let notYet = 1
  let mean = 0
  let square = 0
  for (let rank = 1; rank <= documents - relevant + 1; rank++) {
    const here = notYet * (relevant / (documents - rank + 1))
    mean += here / rank
    square += here / rank ** 2
    notYet -= here
  }
  return { mean, variance: square - mean ** 2 }
}
