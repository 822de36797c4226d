/** A caption as full text sees it: its words in order, without case, punctuation or spacing. */
const wordsOf = (text: string): string =>
  (
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).join(' ')

/** Whether matching the words cannot tell the two captions apart. */
export const isSameCaption = (a: string, b: string): boolean => wordsOf(a) === wordsOf(b)

/** What a reranker may read of an image's captions when `query` is one of them: all but it and its copies. */
export function otherCaptions(captions: readonly string[], query: string): string[] {
  const own = wordsOf(query)
  return captions.filter((caption) => wordsOf(caption) !== own)
}

/**
 * Hits of a search over captions without those whose text is the query itself, whosever image they belong to: a caption that is
 * evaluated as a query would find its own copy by matching letters, and so stand in for seeing. Use it before ranks are counted,
 * on full-text hits and on caption points alike; the image side needs nothing of the kind, for it holds no text.
 */
export function withoutOwnCaption<Hit extends { readonly caption: string }>(
  hits: readonly Hit[],
  query: string,
): Hit[] {
  const own = wordsOf(query)
  return hits.filter(({ caption }) => wordsOf(caption) !== own)
}
