import type { QdrantClient } from '@qdrant/js-client-rest'
import type { QdrantIndexOptions } from '../../src/adapters/vector-index/qdrant.ts'
import type { VectorIndex } from '../../src/ports/vector-index.ts'

export type QdrantUnderTest = {
  readonly open: (prefix: string, options?: Partial<QdrantIndexOptions>) => Promise<VectorIndex>
  /** The server as an outside reader sees it. */
  readonly outside: () => QdrantClient
  readonly newPrefix: () => string
}

/** Graphs from the first points on. */
export const early = { connectivity: 16, expansionAdd: 128, graphAboveKilobytes: 1 }
