import { describe, expect, it } from 'vitest'
import { createAvroCodec } from '../../../../src/adapters/event-log/avro-codec.ts'
import type { AvroSchema } from '../../../../src/adapters/event-log/avro-bounds.ts'
import { createValueCodec } from '../../../../src/adapters/event-log/kafka/value-codec.ts'
import { frame } from '../../../../src/adapters/event-log/kafka/wire-format.ts'
import { pairEvent } from '../../../fixtures/pair-events.ts'

const avro = createAvroCodec()
const value = pairEvent('one', 'a caption')
const record = frame(77, avro.encode('pairs', value))
const [schema] = avro.schemas('pairs').slice(-1)

/** A codec of a registry that knows what is put into it, and a clock that is set by hand. */
async function codecOver(known: Map<number, AvroSchema>) {
  const state = { now: 1_000, asked: 0 }
  const registry = {
    register: async () => 1,
    async schema(id: number) {
      state.asked++
      return known.get(id) ?? null
    },
  }
  const codec = await createValueCodec(registry, avro, (topic) => topic, { clock: () => state.now })
  return { codec, state }
}

describe('the codec of values', () => {
  it('waits for a schema that the registry does not know yet', async () => {
    const known = new Map<number, AvroSchema>()
    const { codec, state } = await codecOver(known)
    await expect(codec.decode('pairs', record)).rejects.toMatchObject({ code: 'log-unavailable' })
    state.now += 29_999
    await expect(codec.decode('pairs', record)).rejects.toMatchObject({ code: 'log-unavailable' })
    if (schema !== undefined) known.set(77, schema)
    expect(await codec.decode('pairs', record)).toEqual({ value, problem: null })
  })

  it('gives a record up whose schema has been unknown for half a minute, and asks no more for a while', async () => {
    const { codec, state } = await codecOver(new Map())
    await expect(codec.decode('pairs', record)).rejects.toMatchObject({ code: 'log-unavailable' })
    state.now += 30_000
    expect(await codec.decode('pairs', record)).toEqual({ value: null, problem: 'record-unreadable' })
    expect(await codec.decode('pairs', record)).toEqual({ value: null, problem: 'record-unreadable' })
    expect(state.asked).toBe(2)
  })

  it('does not wait for whoever has no patience', async () => {
    const { codec } = await codecOver(new Map())
    expect(await codec.decodeNow('pairs', record)).toEqual({ value: null, problem: 'record-unreadable' })
    await expect(codec.decode('pairs', record)).rejects.toMatchObject({ code: 'log-unavailable' })
  })
})
