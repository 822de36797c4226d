import onnxProto from 'onnx-proto'

const { DataType } = onnxProto.onnx.TensorProto

/** The element types that graphs here use, with ONNX's codes for them. */
export const elementCodes = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  uint8: DataType.UINT8,
  int8: DataType.INT8,
  int32: DataType.INT32,
  int64: DataType.INT64,
  bool: DataType.BOOL,
} as const

export type ElementType = keyof typeof elementCodes

/** Values of a tensor, row-major. A Uint8Array holds `uint8`, or `bool` (0 and 1) where the type says so. */
export type TensorData = Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array

/** The element type that an array holds by itself. */
export function elementTypeOf(data: TensorData): ElementType {
  if (data instanceof Float32Array) return 'float32'
  if (data instanceof Int32Array) return 'int32'
  if (data instanceof BigInt64Array) return 'int64'
  return data instanceof Int8Array ? 'int8' : 'uint8'
}

/** The bytes of an array, sharing its memory. ONNX stores tensors little-endian, as does every machine Node.js runs on here. */
export const bytesOf = (data: TensorData): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
