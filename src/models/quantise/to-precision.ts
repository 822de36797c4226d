import onnxProto from 'onnx-proto'
import { AppError } from '../../core/errors.ts'
import type { Precision } from '../pretrained/onnx-file.ts'
import { inBlocks, inHalf } from './stored-weight.ts'
import { weightUses, type WeightUse } from './weight-uses.ts'
import { wideName, widenedRows, widenedWhole, type NarrowWeight } from './widening.ts'

const { ModelProto } = onnxProto.onnx

/**
 * The ONNX file with its weights stored in 16 or 8 bits under their names; inputs and outputs, and all arithmetic, stay float32. What is widened
 * by nodes over constants alone ONNX Runtime computes once, when it loads the file, so that it costs nothing in a run; of tables only the
 * rows that are asked for are widened. Activations are never quantised: their scale would be that of a whole batch, and a vector would depend
 * on which others it is computed with. Throws `model-corrupt` where the file cannot be read.
 */
export function toPrecision(file: Uint8Array, precision: Precision): Uint8Array {
  if (precision === 'fp32') return file
  const model = decode(file)
  const { initializer = [], node = [] } = { ...model.graph }
  const uses = weightUses({ ...model.graph })
  const narrow = new Map<string, NarrowWeight>()
  for (const tensor of initializer ?? []) {
    const use = uses.get(tensor.name ?? '')
    const weight = use === undefined ? null : narrowed(tensor, use, precision)
    if (weight !== null) narrow.set(tensor.name ?? '', weight)
  }
  const whole = [...narrow.values()].filter(({ isTable }) => !isTable).map(widenedWhole)
  const constants = (initializer ?? []).flatMap((tensor) => {
    const weight = narrow.get(tensor.name ?? '')
    return weight === undefined ? [tensor] : [weight.stored, ...(weight.scales === null ? [] : [weight.scales])]
  })
  const readers = (node ?? []).flatMap((reader) => {
    const table = reader.opType === 'Gather' ? narrow.get(reader.input?.[0] ?? '') : undefined
    if (table?.isTable) return widenedRows(reader, table)
    const input = (reader.input ?? []).map((name) => (narrow.has(name) ? wideName(name) : name))
    return [Object.assign(reader, { input })]
  })
  const graph = {
    ...model.graph,
    initializer: [...constants, ...whole.flatMap((widened) => widened.constants)],
    node: [...whole.flatMap((widened) => widened.nodes), ...readers],
  }
  return ModelProto.encode(Object.assign(model, { graph })).finish()
}

function decode(file: Uint8Array): onnxProto.onnx.ModelProto {
  try {
    return ModelProto.decode(file)
  } catch (cause) {
    throw new AppError('model-corrupt', 'The ONNX file cannot be read; fetch or export the model again.', { cause })
  }
}

function narrowed(
  tensor: onnxProto.onnx.ITensorProto,
  use: WeightUse,
  precision: Exclude<Precision, 'fp32'>,
): NarrowWeight | null {
  const { isTable } = use
  if (precision === 'fp16') {
    const stored = inHalf(tensor)
    return stored === null ? null : { stored, scales: null, isTable }
  }
  const coded = inBlocks(tensor, use)
  return coded === null ? null : { stored: coded.codes, scales: coded.scales, isTable }
}
