import type { Catalogue, LivePair } from '../catalogue/catalogue.ts'
import type { Encoder } from '../ports/encoder.ts'
import type { VectorIndex } from '../ports/vector-index.ts'
import type { Judgement } from './held-out.ts'

const QUERIES = 200
const DEPTH = 10

/** A fixed sample of validation captions whose recall is measured through the index itself, as searches see it. */
export function createGoldenQueries(deps: {
  catalogue: Catalogue
  index: VectorIndex
  openEncoder: (modelVersion: string) => Promise<Encoder>
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
    /** Share of the golden queries with a relevant validation image among the first ten; null without validation captions. */
    async recall(modelVersion: string, generation: string): Promise<number | null> {
      const queries = sample()
      if (queries.length === 0) return null
      const encoder = await deps.openEncoder(modelVersion)
      try {
        const vectors = await encoder.encodeTexts(queries.map(({ query }) => query.caption))
        let found = 0
        for (const [i, { relevant }] of queries.entries()) {
          const vector = vectors[i]
          if (vector === undefined) continue
          const filter = { splits: ['validation'] } as const
          const hits = await deps.index.search(generation, 'images', { vector, limit: DEPTH, filter })
          if (hits.some(({ id }) => relevant.has(id))) found++
        }
        return found / queries.length
      } finally {
        await encoder.close()
      }
    },
  }
}
