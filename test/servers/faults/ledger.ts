export type KnownPair = {
  readonly imageId: string
  readonly caption: string
  /** `open`: asked for and not answered yet, so either is right. */
  readonly state: 'live' | 'erased' | 'open'
  /** When its state was acknowledged, in milliseconds since the epoch. */
  readonly at: number
}

/** What was acknowledged, and what was seen while it was. */
export type Ledger = {
  readonly pairs: Map<string, KnownPair>
  /** Requests that are waiting for their answer now. */
  open: number
  /** Requests that were not answered, or by 503: repeated until they were. */
  unanswered: number
  unavailable: number
  searches: number
  /** Publications of an erased pair that were refused. */
  refused: number
  /** What came twice in one answer, in words. */
  readonly doubled: string[]
  /** What else must never be, in words. */
  readonly wrong: string[]
}

export const createLedger = (): Ledger => ({
  pairs: new Map(),
  open: 0,
  unanswered: 0,
  unavailable: 0,
  searches: 0,
  refused: 0,
  doubled: [],
  wrong: [],
})

export const pairsIn = (ledger: Ledger, state: KnownPair['state']): readonly [string, KnownPair][] =>
  [...ledger.pairs].filter(([, pair]) => pair.state === state)
