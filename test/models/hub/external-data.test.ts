import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import onnxProto from 'onnx-proto'
import { describe, expect, it } from 'vitest'
import { externalFiles } from '../../../src/models/hub/external-data.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { edited, splitNetwork, tinyNetwork } from './tiny-network.ts'

const { AttributeProto, TensorProto } = onnxProto.onnx
type ModelMessage = onnxProto.onnx.IModelProto

async function filesOf(network: Uint8Array): Promise<readonly string[]> {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'model.onnx'), network)
  return externalFiles(folder, 'model.onnx')
}

const elsewhere = (location: string): onnxProto.onnx.ITensorProto => ({
  name: 'hidden',
  dims: [1],
  dataType: 1,
  dataLocation: TensorProto.DataLocation.EXTERNAL,
  externalData: [
    { key: 'length', value: '4' },
    { key: 'location', value: location },
  ],
})

const types = AttributeProto.AttributeType
/** Every place of a model in which a tensor can be. */
const places: readonly [string, (model: ModelMessage) => void][] = [
  ['an initialiser', ({ graph }) => graph?.initializer?.push(elsewhere('found'))],
  ['a sparse initialiser', ({ graph }) => graph && (graph.sparseInitializer = [{ values: elsewhere('found') }])],
  ['the places of a sparse one', ({ graph }) => graph && (graph.sparseInitializer = [{ indices: elsewhere('found') }])],
  [
    'an attribute',
    ({ graph }) => graph?.node?.push({ attribute: [{ name: 'value', type: types.TENSOR, t: elsewhere('found') }] }),
  ],
  [
    'a list of an attribute',
    ({ graph }) => graph?.node?.push({ attribute: [{ name: 'v', tensors: [elsewhere('found')] }] }),
  ],
  [
    'a sparse attribute',
    ({ graph }) => graph?.node?.push({ attribute: [{ name: 'v', sparseTensor: { values: elsewhere('found') } }] }),
  ],
  [
    'a branch',
    ({ graph }) => graph?.node?.push({ attribute: [{ name: 'then', g: { initializer: [elsewhere('found')] } }] }),
  ],
  [
    'a list of branches',
    ({ graph }) => graph?.node?.push({ attribute: [{ name: 'b', graphs: [{ initializer: [elsewhere('found')] }] }] }),
  ],
  [
    'a function',
    (model) => void (model.functions = [{ node: [{ attribute: [{ name: 'v', t: elsewhere('found') }] }] }]),
  ],
  ['a training', (model) => void (model.trainingInfo = [{ algorithm: { initializer: [elsewhere('found')] } }])],
]

describe('weights beside a network', () => {
  it('are found', async () => {
    expect(await filesOf(tinyNetwork())).toEqual([])
    expect(await filesOf(splitNetwork('model.onnx_data').network)).toEqual(['model.onnx_data'])
    expect(await filesOf(splitNetwork('./weights/all.bin').network)).toEqual(['weights/all.bin'])
  })

  it.each(places)('are found in %s', async (_, edit) => {
    expect(await filesOf(edited(tinyNetwork(), edit))).toEqual(['found'])
  })

  it('are found in a second graph of the same file, which readers join to the first', async () => {
    const second = edited(new Uint8Array(), (model) => void (model.graph = { initializer: [elsewhere('found')] }))
    expect(await filesOf(Buffer.concat([tinyNetwork(), second]))).toEqual(['found'])
  })
})

describe('a file that is read in two ways', () => {
  const refusal = { code: 'model-corrupt' }
  const graphTag = 0x3a

  it.each([
    ['a group', [0x3b, 0x3c]],
    ['a field of number 0', [0x02, 0x00]],
    ['a length of more than five bytes', [graphTag, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ['a tag of more than 32 bits', [0xba, 0x80, 0x80, 0x80, 0x10, 0x00]],
    ['more than there is', [graphTag, 0x05, 0x00]],
    ['an unfinished number', [0x08, 0x80]],
  ])('is refused: %s', async (_, bytes) => {
    await expect(filesOf(Buffer.concat([tinyNetwork(), Uint8Array.from(bytes)]))).rejects.toMatchObject(refusal)
  })

  it('is refused where graphs nest without end', async () => {
    let graph: onnxProto.onnx.IGraphProto = {}
    for (let depth = 0; depth < 40; depth++) graph = { node: [{ attribute: [{ name: 'then', g: graph }] }] }
    const deep = edited(new Uint8Array(), (model) => void (model.graph = graph))
    await expect(filesOf(deep)).rejects.toMatchObject({ code: 'model-unsafe' })
  })
})
