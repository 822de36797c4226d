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
  const state = { now: 1_000_000, appendedAt: 1_000_000, asked: 0 }
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
    await expect(codec.decode('pairs', record, state.appendedAt)).rejects.toMatchObject({ code: 'log-unavailable' })
    state.now += 29_999
    await expect(codec.decode('pairs', record, state.appendedAt)).rejects.toMatchObject({ code: 'log-unavailable' })
    if (schema !== undefined) known.set(77, schema)
    expect(await codec.decode('pairs', record, state.appendedAt)).toEqual({ value, problem: null })
  })

  it('gives a record up whose schema has been unknown for half a minute, and asks no more for a while', async () => {
    const { codec, state } = await codecOver(new Map())
    await expect(codec.decode('pairs', record, state.appendedAt)).rejects.toMatchObject({ code: 'log-unavailable' })
    state.now += 30_000
    expect(await codec.decode('pairs', record, state.appendedAt)).toEqual({ value: null, problem: 'record-unreadable' })
    expect(await codec.decode('pairs', record, state.appendedAt)).toEqual({ value: null, problem: 'record-unreadable' })
    expect(state.asked).toBe(2)
  })

  it('waits once for much garbage: what was appended long ago is given up at once, and what is new is waited for', async () => {
    const { codec, state } = await codecOver(new Map())
    const withId = (id: number): Buffer => frame(id, Buffer.of(1))
    state.now = state.appendedAt + 30_000
    for (let id = 100; id < 200; id++) {
      expect((await codec.decode('pairs', withId(id), state.appendedAt)).problem).toBe('record-unreadable')
    }
    await expect(codec.decode('pairs', withId(200), state.now)).rejects.toMatchObject({ code: 'log-unavailable' })
    await expect(codec.decode('pairs', withId(100), state.now)).rejects.toMatchObject({ code: 'log-unavailable' })
  })

  it('does not wait for ever where a broker has a wrong clock', async () => {
    const { codec, state } = await codecOver(new Map())
    state.appendedAt += 3_600_000
    await expect(codec.decode('pairs', record, state.appendedAt)).rejects.toMatchObject({ code: 'log-unavailable' })
    state.now += 30_000
    expect((await codec.decode('pairs', record, state.appendedAt)).problem).toBe('record-unreadable')
  })

  it('does not wait for whoever has no patience', async () => {
    const { codec, state } = await codecOver(new Map())
    expect(await codec.decodeNow('pairs', record, state.appendedAt)).toEqual({
      value: null,
      problem: 'record-unreadable',
    })
    await expect(codec.decode('pairs', record, state.appendedAt)).rejects.toMatchObject({ code: 'log-unavailable' })
  })
})
