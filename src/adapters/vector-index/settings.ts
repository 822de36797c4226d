/** How the embedded index searches. The defaults are explained in `docs/decisions/0003-embedded-index.md`. */
export type IndexSettings = {
  /** Neighbours a node of the graph keeps (HNSW's M). More is slower to build and finds more. */
  readonly connectivity: number
  /** Candidates weighed when a point enters the graph (HNSW's efConstruction). */
  readonly expansionAdd: number
  /** Candidates the graph is asked for a search (HNSW's ef); they are then scored exactly. Deeper pages compare with every point. */
  readonly depth: number
  /** With this many points or fewer to choose from, comparing with every one is as quick as the graph, and exact. */
  readonly scanBelow: number
}

export const defaultIndexSettings: IndexSettings = {
  connectivity: 16,
  expansionAdd: 128,
  depth: 512,
  scanBelow: 10_000,
}
