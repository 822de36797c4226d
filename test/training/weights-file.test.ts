import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readWeightsFile, writeWeightsFile } from '../../src/training/weights-file.ts'
import { safetensorsAround } from '../fixtures/safetensors.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

describe('weights file', () => {
  it('is read as it was written, and replaced as a whole', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'a.safetensors')
    expect(await readWeightsFile(path)).toBeNull()
    await writeWeightsFile(path, { note: 'old', arrays: { x: Float32Array.of(9) } })
    const weights = {
      note: '{"é":1}',
      arrays: { b: Float32Array.of(1, 2.5), empty: new Float32Array(0), a: Float32Array.of(-0) },
    }
    await writeWeightsFile(path, weights)
    expect(await readWeightsFile(path)).toEqual(weights)
    expect(await readdir(folder)).toEqual(['a.safetensors'])
  })

  it.each([
    ['without the note', safetensorsAround('{}')],
    ['with metadata that are no texts', safetensorsAround('{"__metadata__":{"note":1}}')],
    ['with metadata that are a text', safetensorsAround('{"__metadata__":"note"}')],
    ['that is cut off', safetensorsAround('{"__metadata__":{"note":"n"}}').subarray(0, 20)],
  ])('is refused %s', async (_, bytes) => {
    const path = join(await temporaryFolder(), 'a.safetensors')
    await writeFile(path, bytes)
    await expect(readWeightsFile(path)).rejects.toMatchObject({ code: 'model-corrupt' })
  })

  it('has the layout of safetensors: length, JSON, bytes', async () => {
    const path = join(await temporaryFolder(), 'a.safetensors')
    await writeWeightsFile(path, { note: 'n', arrays: { x: Float32Array.of(1, 2) } })
    const bytes = await readFile(path)
    const length = Number(bytes.readBigUInt64LE(0))
    expect(JSON.parse(bytes.toString('utf8', 8, 8 + length))).toEqual({
      __metadata__: { note: 'n' },
      x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    })
    expect(bytes.readFloatLE(8 + length + 4)).toBe(2)
    expect(length % 8).toBe(0)
  })
})
