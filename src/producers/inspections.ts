/** What a picture is, by its content. */
export type PictureFacts = {
  readonly contentType: string
  readonly width: number
  readonly height: number
  /** Near-duplicates share it. */
  readonly perceptualHash: string
}

/** Captions of a picture that do not lie together are seldom far apart. */
const KEPT = 256

/** Inspects each picture once while it is among the last `KEPT` asked for; failures are not kept, since a time limit may pass next time. */
export function createInspections(
  inspect: (bytes: Uint8Array) => Promise<PictureFacts>,
): (imageId: string, bytes: Uint8Array) => Promise<PictureFacts> {
  const kept = new Map<string, Promise<PictureFacts>>()
  return (imageId, bytes) => {
    const facts = kept.get(imageId) ?? inspect(bytes)
    kept.delete(imageId)
    kept.set(imageId, facts)
    facts.catch(() => kept.delete(imageId))
    const [oldest] = kept.keys()
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest)
    return facts
  }
}
