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

  it('waits as long for a schema where it is far behind, or its clock ahead of the brokers', async () => {
    const known = new Map<number, AvroSchema>()
    const { codec, state } = await codecOver(known)
    const decode = () => codec.decode('pairs', record, state.appendedAt - 3_600_000)
    await expect(decode()).rejects.toMatchObject({ code: 'log-unavailable' })
    state.now += 29_999
    await expect(decode()).rejects.toMatchObject({ code: 'log-unavailable' })
    if (schema !== undefined) known.set(77, schema)
    expect(await decode()).toEqual({ value, problem: null })
  })

  it('waits once for much garbage, and still for what was appended a short time ago', async () => {
    const { codec, state } = await codecOver(new Map())
    const decode = (id: number, appendedAt: number) => codec.decode('pairs', frame(id, Buffer.of(1)), appendedAt)
    await expect(decode(100, state.appendedAt)).rejects.toMatchObject({ code: 'log-unavailable' })
    state.now += 30_000
    for (let id = 100; id < 200; id++) expect((await decode(id, state.appendedAt)).problem).toBe('record-unreadable')
    await expect(decode(200, state.now)).rejects.toMatchObject({ code: 'log-unavailable' })
    await expect(decode(100, state.now)).rejects.toMatchObject({ code: 'log-unavailable' })
  })

  it('waits anew for a schema that is unknown long after other ones were, or after one was found', async () => {
    const known = new Map<number, AvroSchema>()
    const { codec, state } = await codecOver(known)
    const decode = (id: number) => codec.decode('pairs', frame(id, Buffer.of(1)), state.appendedAt)
    await expect(decode(100)).rejects.toMatchObject({ code: 'log-unavailable' })
    state.now += 60_001
    await expect(decode(101)).rejects.toMatchObject({ code: 'log-unavailable' })
    state.now += 30_000
    if (schema !== undefined) known.set(77, schema)
    await codec.decode('pairs', record, state.appendedAt)
    await expect(decode(102)).rejects.toMatchObject({ code: 'log-unavailable' })
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
