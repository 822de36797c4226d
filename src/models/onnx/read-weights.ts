import onnxProto from 'onnx-proto'
import { AppError } from '../../core/errors.ts'
import { elementCodes } from './elements.ts'

/** The float32 constants of an ONNX file by name, copied out of it. Throws `model-corrupt` where it cannot be read. */
export function readWeights(file: Uint8Array): ReadonlyMap<string, Float32Array> {
  try {
    const constants = onnxProto.onnx.ModelProto.decode(file).graph?.initializer ?? []
    const floats = constants.filter((constant) => constant.dataType === elementCodes.float32)
    return new Map(
      floats.map(({ name, rawData }) => {
        const bytes = rawData ?? new Uint8Array()
        return [name ?? '', new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))]
      }),
    )
  } catch (cause) {
    throw new AppError('model-corrupt', 'The ONNX file cannot be read; fetch or export the model again.', { cause })
  }
}
