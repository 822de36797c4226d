/** What became of an attempt to take a token. */
export type Taken = {
  readonly isAllowed: boolean
  /** Whole tokens that are left. */
  readonly remaining: number
  /** Whole seconds until the next one is there; 0 where one is. */
  readonly nextIn: number
  /** Whole seconds until the bucket is full. */
  readonly fullIn: number
}

type Bucket = { tokens: number; at: number }

/** Buckets that are kept; the one that was used least lately goes first, and starts full where it comes back. */
const MOST_BUCKETS = 10_000
const MINUTE = 60_000

export interface TokenBuckets {
  /** Takes `count` tokens (default 1) from the bucket of a key where there are as many; with 0 it only looks whether there is one. */
  take(key: string, count?: 0 | 1): Taken
  readonly perMinute: number
}

/** A token bucket a key: it holds `perMinute` tokens, and gets as many a minute. `clock` in milliseconds. */
export function createTokenBuckets(perMinute: number, clock: () => number, most = MOST_BUCKETS): TokenBuckets {
  const buckets = new Map<string, Bucket>()

  const bucketOf = (key: string): Bucket => {
    const now = clock()
    const known = buckets.get(key) ?? { tokens: perMinute, at: now }
    // A clock that is set back takes nothing away.
    const passed = Math.max(0, now - known.at)
    const bucket = { tokens: Math.min(perMinute, known.tokens + (passed * perMinute) / MINUTE), at: now }
    buckets.delete(key)
    buckets.set(key, bucket)
    const [oldest] = buckets.keys()
    if (buckets.size > most && oldest !== undefined) buckets.delete(oldest)
    return bucket
  }

  return {
    perMinute,
    take(key, count = 1) {
      const bucket = bucketOf(key)
      const isAllowed = bucket.tokens >= 1
      if (isAllowed) bucket.tokens -= count
      const secondsFor = (tokens: number): number => Math.ceil(Math.max(0, (tokens * 60) / perMinute))
      return {
        isAllowed,
        remaining: Math.floor(bucket.tokens),
        nextIn: bucket.tokens >= 1 ? 0 : secondsFor(1 - bucket.tokens),
        fullIn: secondsFor(perMinute - bucket.tokens),
      }
    },
  }
}
