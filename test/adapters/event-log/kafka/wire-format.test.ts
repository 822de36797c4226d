import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { frame, unframe } from '../../../../src/adapters/event-log/kafka/wire-format.ts'

it('frames a value as Confluent does: a zero byte, the id of the schema in four, then the bytes', () => {
  expect(frame(0x01020304, Uint8Array.of(9, 8))).toEqual(Buffer.of(0, 1, 2, 3, 4, 9, 8))
})

it('brings back what was framed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.uint8Array(), (schemaId, bytes) => {
      const parts = unframe(frame(schemaId, bytes))
      expect(parts?.schemaId).toBe(schemaId)
      expect([...(parts?.avro ?? [])]).toEqual([...bytes])
    }),
  )
})

it('tells bytes that are not framed', () => {
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.of(0, 0, 0, 1),
    Buffer.of(1, 0, 0, 0, 1),
    Buffer.from('{"json":true}'),
  ]) {
    expect(unframe(bytes)).toBeNull()
  }
})
