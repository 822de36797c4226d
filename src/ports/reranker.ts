/** Judges how well documents answer a query, by reading both together. */
export interface Reranker {
  readonly modelVersion: string
  /** What the scores are: a real number without bounds, or a probability between 0 and 1. More is better in either case. */
  readonly scale: 'logit' | 'probability'
  /**
   * One score a document, in the order of the documents; a pair has the same score whatever else is ranked with it. An empty document or
   * query is scored like any other.
   */
  rank(query: string, documents: readonly string[]): Promise<number[]>
  /** Lets what is under way finish; `rank` throws `model-not-found` afterwards. */
  close(): Promise<void>
}
