/** How Qdrant builds and walks its graphs. The suite against a real server measures how much of the truth the defaults find. */
export type QdrantSettings = {
  /** `int8` keeps a byte a value in memory for walking the graph; what it finds is scored again with the whole vectors. */
  readonly quantisation: 'int8' | 'none'
  readonly searchParameters: {
    /** Candidates that a walk of the graph keeps (HNSW's ef). */
    readonly hnswEf: number
    /** With quantisation: how many times the wanted number of candidates is scored again with the whole vectors. */
    readonly oversampling: number
  }
  readonly indexing: {
    /** Neighbours a node of the graph keeps (HNSW's M). */
    readonly connectivity: number
    /** Candidates weighed when a point enters the graph (HNSW's efConstruction). */
    readonly expansionAdd: number
    /** Kilobytes of vectors from which a segment gets a graph; null leaves it to the server's configuration. */
    readonly graphAboveKilobytes: number | null
  }
  /** Milliseconds a request may take, its attempts together. */
  readonly deadline: number
}

export const defaultQdrantSettings: QdrantSettings = {
  quantisation: 'int8',
  searchParameters: { hnswEf: 256, oversampling: 3 },
  indexing: { connectivity: 16, expansionAdd: 128, graphAboveKilobytes: null },
  deadline: 10_000,
}
