import { randomBytes } from 'node:crypto'

/** A position in a distributed trace, as the W3C recommendation "Trace Context" (2021) has it. */
export type TraceContext = {
  /** 32 hexadecimal digits, not all zero; the same for all spans of a trace. */
  readonly traceId: string
  /** 16 hexadecimal digits, not all zero: the span that sends this context, parent of what the receiver starts. */
  readonly spanId: string
  /** Whether the caller may have recorded its span. */
  readonly sampled: boolean
}

/** `count` random bytes; a parameter so that tests are repeatable. */
type RandomSource = (count: number) => Uint8Array

/** All-zero ids are invalid; drawing one has a chance of 2^-64, and drawing again costs nothing. */
function randomHex(count: number, random: RandomSource): string {
  for (;;) {
    const hex = Buffer.from(random(count)).toString('hex')
    if (/[^0]/.test(hex)) return hex
  }
}

/** The first span of a new trace. */
export const startTrace = (random: RandomSource = randomBytes): TraceContext => ({
  traceId: randomHex(16, random),
  spanId: randomHex(8, random),
  sampled: true,
})

/** A new span of the same trace. */
export const childSpan = (parent: TraceContext, random: RandomSource = randomBytes): TraceContext => ({
  ...parent,
  spanId: randomHex(8, random),
})

/** The `traceparent` header, version 00. */
export const formatTraceparent = ({ traceId, spanId, sampled }: TraceContext): string =>
  `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/**
 * The context of a `traceparent` header, or null when there is none that is valid: the trace then starts anew. Later versions are
 * read as version 00 with something appended, as the recommendation asks.
 */
export function parseTraceparent(header: string | null | undefined): TraceContext | null {
  const [, version, traceId, spanId, flags, rest] = pattern.exec(header?.trim() ?? '') ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return null
  if (version === 'ff' || (version === '00' && rest !== undefined)) return null
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** Goes on with the trace of a header in a span of its own, or starts a trace. */
export function continueTrace(header: string | null | undefined, random: RandomSource = randomBytes): TraceContext {
  const parent = parseTraceparent(header)
  return parent === null ? startTrace(random) : childSpan(parent, random)
}
