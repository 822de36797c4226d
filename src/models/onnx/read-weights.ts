import onnxProto from 'onnx-proto'
import { AppError } from '../../core/errors.ts'
import { scaleNameOf, SCALE_SUFFIX, weightOf } from '../quantise/stored-weight.ts'

/**
 * The weights of an ONNX file by name, copied out of it: float32, and what `toPrecision` stored in 16 or 8 bits. Throws `model-corrupt` where it
 * cannot be read.
 */
export function readWeights(file: Uint8Array): ReadonlyMap<string, Float32Array> {
  try {
    const constants = onnxProto.onnx.ModelProto.decode(file).graph?.initializer ?? []
    const byName = new Map(constants.map((constant) => [constant.name ?? '', constant]))
    return new Map(
      [...byName].flatMap(([name, constant]) => {
        const weight = name.endsWith(SCALE_SUFFIX) ? null : weightOf(constant, byName.get(scaleNameOf(name)))
        return weight === null ? [] : [[name, weight] as const]
      }),
    )
  } catch (cause) {
    throw new AppError('model-corrupt', 'The ONNX file cannot be read; fetch or export the model again.', { cause })
  }
}
