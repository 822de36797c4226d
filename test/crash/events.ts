/** What a life prints, a line each: what it is about to do to a pair where the outcome may stay open, and what was acknowledged. */
export type CrashEvent =
  | { readonly type: 'ready' }
  | { readonly type: 'accepted'; readonly pairId: string; readonly imageId: string; readonly caption: string }
  | { readonly type: 'erasing' | 'erased' | 'restoring'; readonly pairId: string }

export type KnownPair = {
  readonly imageId: string
  readonly caption: string
  /** `open`: a change was asked for and not acknowledged, so either is right. */
  readonly state: 'live' | 'erased' | 'open'
}

export type Acknowledgements = ReadonlyMap<string, KnownPair>

/** The event in a line; null for one that was cut off by the death of the process. */
export function parseEvent(line: string): CrashEvent | null {
  try {
    return JSON.parse(line) as CrashEvent
  } catch {
    return null
  }
}

export function applyEvent(known: Map<string, KnownPair>, event: CrashEvent): void {
  if (event.type === 'ready') return
  if (event.type === 'accepted') {
    known.set(event.pairId, { imageId: event.imageId, caption: event.caption, state: 'live' })
    return
  }
  const pair = known.get(event.pairId)
  // The publication was taken by the log, and its acknowledgement died with the process.
  if (pair !== undefined) known.set(event.pairId, { ...pair, state: event.type === 'erased' ? 'erased' : 'open' })
}
