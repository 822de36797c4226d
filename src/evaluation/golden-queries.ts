import type { Catalogue, LivePair } from '../catalogue/catalogue.ts'
import { requireGoing } from '../core/stop.ts'
import type { Encoder } from '../ports/encoder.ts'
import type { VectorIndex } from '../ports/vector-index.ts'
import { encodeCaptions, type Judgement } from './held-out.ts'

const QUERIES = 200
const DEPTH = 10
/** The share of the golden queries whose best hit may score below what is called ordinary. */
const WEAK = 0.05

export type GoldenAnswers = {
  /** Share of the golden queries with a relevant validation image among the first ten. */
  readonly recall: number
  /** What the best hits of all but a twentieth of them score at least. */
  readonly ordinaryScore: number
}

/** A fixed sample of validation captions whose recall is measured through the index itself, as searches see it. */
export function createGoldenQueries(deps: {
  catalogue: Catalogue
  index: VectorIndex
  openEncoder: (modelVersion: string, signal?: AbortSignal) => Promise<Encoder>
  judgement: Judgement
}) {
  const sample = (): { query: LivePair; relevant: ReadonlySet<string> }[] => {
    const captions = deps.catalogue.livePairsOf('validation')
    const imageIds = [...new Set(captions.map(({ imageId }) => imageId))]
    const every = Math.max(1, Math.floor(captions.length / QUERIES))
    return captions
      .filter((_, i) => i % every === 0)
      .slice(0, QUERIES)
      .map((query) => ({ query, relevant: new Set(deps.judgement(query, imageIds) ?? [query.imageId]) }))
  }

  return {
    /** How a release answers them now; null without validation captions. Throws `not-ready` once `signal` is raised. */
    async ask(modelVersion: string, generation: string, signal?: AbortSignal): Promise<GoldenAnswers | null> {
      const queries = sample()
      if (queries.length === 0) return null
      const encoder = await deps.openEncoder(modelVersion, signal)
      try {
        const captions = queries.map(({ query }) => query)
        const vectors = await encodeCaptions(encoder, captions, signal)
        let found = 0
        const best: number[] = []
        for (const [i, { relevant }] of queries.entries()) {
          const vector = vectors[i]
          if (vector === undefined) continue
          requireGoing(signal)
          const filter = { splits: ['validation'] } as const
          const hits = await deps.index.search(generation, 'images', { vector, limit: DEPTH, filter })
          if (hits.some(({ id }) => relevant.has(id))) found++
          best.push(hits[0]?.score ?? -1)
        }
        best.sort((a, b) => a - b)
        return { recall: found / queries.length, ordinaryScore: best[Math.floor(best.length * WEAK)] ?? -1 }
      } finally {
        await encoder.close()
      }
    },
  }
}
