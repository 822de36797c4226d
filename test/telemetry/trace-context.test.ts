import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  childSpan,
  continueTrace,
  formatTraceparent,
  parseTraceparent,
  startTrace,
} from '../../src/telemetry/trace-context.ts'

/** The recommendation's own example. */
const example = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

describe('traceparent', () => {
  it('reads the example of the recommendation', () => {
    const context = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', sampled: true }
    expect(parseTraceparent(example)).toEqual(context)
    expect(formatTraceparent(context)).toBe(example)
  })

  it('comes back from its text', () => {
    const bytes = (length: number) =>
      fc.uint8Array({ minLength: length, maxLength: length }).filter((all) => all.some((byte) => byte > 0))
    fc.assert(
      fc.property(bytes(16), bytes(8), fc.boolean(), (trace, span, sampled) => {
        const context = {
          traceId: Buffer.from(trace).toString('hex'),
          spanId: Buffer.from(span).toString('hex'),
          sampled,
        }
        expect(parseTraceparent(formatTraceparent(context))).toEqual(context)
      }),
    )
  })

  it('is null for what is not valid', () => {
    const invalid = [
      undefined,
      null,
      '',
      'nonsense',
      example.toUpperCase(),
      example.slice(0, -1),
      `${example}-more`,
      `ff${example.slice(2)}`,
      '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
      '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    ]
    expect(invalid.map(parseTraceparent)).toEqual(invalid.map(() => null))
  })

  it('is read in later versions, with what these may append', () => {
    expect(parseTraceparent(`01${example.slice(2)}-more`)).toEqual(parseTraceparent(example))
    expect(parseTraceparent(`01${example.slice(2)}more`)).toBeNull()
  })
})

describe('spans', () => {
  it('stay in their trace and have ids of their own', () => {
    const parent = startTrace()
    const child = childSpan(parent)
    expect(child).toEqual({ ...parent, spanId: child.spanId })
    expect(child.spanId).not.toBe(parent.spanId)
    expect(parseTraceparent(formatTraceparent(child))).toEqual(child)
  })

  it('never have an id of zeros', () => {
    let calls = 0
    const zeroFirst = (count: number) => new Uint8Array(count).fill(calls++ === 0 ? 0 : 7)
    expect(startTrace(zeroFirst)).toEqual({ traceId: '07'.repeat(16), spanId: '07'.repeat(8), sampled: true })
  })

  it('go on with the trace of a header, or start one', () => {
    const continued = continueTrace(example)
    expect(continued.traceId).toBe('4bf92f3577b34da6a3ce929d0e0e4736')
    expect(continued.spanId).not.toBe('00f067aa0ba902b7')
    expect(continueTrace('nonsense').traceId).toMatch(/^[0-9a-f]{32}$/)
  })
})
