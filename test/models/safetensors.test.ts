import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readSafetensors } from '../../src/models/safetensors.ts'
import { writeWeightsFile } from '../../src/training/weights-file.ts'
import { float32, safetensorsAround, safetensorsOf } from '../fixtures/safetensors.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const words = (values: readonly number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer)
const entry = (from: number, to: number, shape = [(to - from) / 4], dtype = 'F32') =>
  JSON.stringify({ dtype, shape, data_offsets: [from, to] })

describe('readSafetensors', () => {
  it('gives tensors with their shapes, wherever in the file they begin', () => {
    const values = Float32Array.of(1, -2.5, 3e-8, 4, 5, 6)
    const half = { dtype: 'F16', shape: [1], bytes: words([0x3c00]) }
    const file = readSafetensors(
      safetensorsOf({ half, counter: { ...half, dtype: 'U16' }, b: float32([2, 3], values) }),
    )
    expect(file.get('b')).toMatchObject({ type: 'F32', shape: [2, 3] })
    expect(file.get('b')?.floats()).toEqual(values)
    expect([...file.keys()]).toEqual(['half', 'counter', 'b'])
  })

  it('widens halves and brain floats', () => {
    const halves = [0x3c00, 0xc000, 0x0001, 0x8000, 0x7bff, 0x7c00, 0x3555]
    const brains = [0x3f80, 0xc000, 0x0001, 0x7f7f, 0x3eaa]
    const file = readSafetensors(
      safetensorsOf({
        half: { dtype: 'F16', shape: [halves.length], bytes: words(halves) },
        brain: { dtype: 'BF16', shape: [brains.length], bytes: words(brains) },
      }),
    )
    const third = 0x155 / 1024
    expect([...(file.get('half')?.floats() ?? [])]).toEqual([1, -2, 2 ** -24, -0, 65504, Infinity, (1 + third) / 4])
    expect([...(file.get('brain')?.floats() ?? [])]).toEqual([1, -2, 2 ** -133, (2 - 2 ** -7) * 2 ** 127, 0.33203125])
  })

  it('refuses to take whole numbers for weights', () => {
    const file = readSafetensors(safetensorsOf({ steps: { dtype: 'I64', shape: [], bytes: new Uint8Array(8) } }))
    expect(() => file.get('steps')?.floats()).toThrow(expect.objectContaining({ code: 'model-invalid' }))
  })

  it('reads what training writes', async () => {
    const path = join(await temporaryFolder(), 'weights')
    await writeWeightsFile(path, { note: 'a note', arrays: { head: Float32Array.of(1, 2), empty: new Float32Array() } })
    const file = readSafetensors(await readFile(path))
    expect([...file].map(([name, tensor]) => [name, ...tensor.floats()])).toEqual([['head', 1, 2], ['empty']])
  })

  const eight = new Uint8Array(8)
  it.each([
    ['is empty', Buffer.alloc(0)],
    ['ends within its header', safetensorsAround('{}').subarray(0, 9)],
    ['has an endless header', Buffer.from('ffffffffffffffff7b7d', 'hex')],
    ['has a header of 101 MB', Buffer.concat([Buffer.from('4024050600000000', 'hex'), Buffer.from('{}')])],
    ['has no JSON', safetensorsAround('{')],
    ['has bytes that are no text', safetensorsAround('{"\u00ff":1}').fill(0xff, 10)],
    ['has a list for a header', safetensorsAround('[]')],
    ['has a null for a header', safetensorsAround('null')],
    ['has a tensor that is null', safetensorsAround('{"a":null}')],
    ['has an unknown type', safetensorsAround(`{"a":${entry(0, 8, [2], 'F31')}}`, eight)],
    ['has a type from the prototype', safetensorsAround(`{"a":${entry(0, 8, [2], 'constructor')}}`, eight)],
    ['reaches past its end', safetensorsAround(`{"a":${entry(0, 12)}}`, eight)],
    ['goes backwards', safetensorsAround(`{"a":${entry(8, 0, [0])}}`, eight)],
    ['begins before its start', safetensorsAround(`{"a":${entry(-4, 4)}}`, eight)],
    ['overlaps', safetensorsAround(`{"a":${entry(0, 8)},"b":${entry(4, 8)}}`, eight)],
    ['has a gap', safetensorsAround(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, new Uint8Array(12))],
    ['has bytes left over', safetensorsAround(`{"a":${entry(0, 4)}}`, eight)],
    ['has fewer bytes than its shape', safetensorsAround(`{"a":${entry(0, 8, [2, 2])}}`, eight)],
    ['has an immense shape', safetensorsAround(`{"a":${entry(0, 8, [2 ** 40, 2 ** 40])}}`, eight)],
    ['has a fraction for a size', safetensorsAround(`{"a":${entry(0, 8, [0.5, 4])}}`, eight)],
    ['has three offsets', safetensorsAround('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}', eight)],
  ])('refuses a file that %s', (_, file) => {
    expect(() => readSafetensors(file)).toThrow(expect.objectContaining({ code: 'model-corrupt' }))
  })
})
