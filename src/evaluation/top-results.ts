import { packVectors, scoreBlocks } from './score-blocks.ts'
import { compareIdsDescending } from './tie-order.ts'

export type Result = { readonly id: string; readonly score: number }

export type Ranking = { readonly queryId: string; readonly results: readonly Result[] }

type Embedded = { readonly id: string; readonly vector: Float32Array }

/** Keeps the `depth` best of what it is offered; documents come in tie order, so an equal score is too late. */
function createShortlist(depth: number) {
  let kept: { document: number; score: number }[] = []
  let bar = -Infinity
  const settle = (): void => {
    kept = kept.sort((a, b) => b.score - a.score || a.document - b.document).slice(0, depth)
    bar = kept.length < depth ? -Infinity : (kept.at(-1)?.score ?? -Infinity)
  }
  return {
    offer(document: number, score: number): void {
      if (score <= bar) return
      kept.push({ document, score })
      if (kept.length >= 2 * depth + 64) settle()
    },
    best(): readonly { document: number; score: number }[] {
      settle()
      return kept
    },
  }
}

/**
 * The `depth` best documents of every query by dot product, in trec_eval's order, one query after another: only one block of
 * queries is in memory at a time. Throws `invalid-vector`.
 */
export function* rankDocuments(
  queries: readonly Embedded[],
  documents: readonly Embedded[],
  depth: number,
): Generator<Ranking> {
  const ordered = [...documents].sort((a, b) => compareIdsDescending(a.id, b.id))
  const dimension = (ordered[0] ?? queries[0])?.vector.length ?? 0
  const vectorsOf = (items: readonly Embedded[]) =>
    packVectors(
      items.map(({ vector }) => vector),
      dimension,
    )

  let shortlists: ReturnType<typeof createShortlist>[] = []
  for (const block of scoreBlocks(vectorsOf(queries), vectorsOf(ordered))) {
    if (block.firstDocument === 0) shortlists = Array.from({ length: block.queries }, () => createShortlist(depth))
    for (const [row, shortlist] of shortlists.entries()) {
      for (let column = 0; column < block.documents; column++) {
        shortlist.offer(block.firstDocument + column, block.scores[row * block.stride + column] ?? 0)
      }
    }
    if (block.firstDocument + block.documents < ordered.length) continue
    for (const [row, shortlist] of shortlists.entries()) {
      const results = shortlist.best().map(({ document, score }) => ({ id: ordered[document]?.id ?? '', score }))
      yield { queryId: queries[block.firstQuery + row]?.id ?? '', results }
    }
  }
}
