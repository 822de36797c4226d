import type onnxProto from 'onnx-proto'
import { fromHalf, toHalf } from '../half-precision.ts'
import { bytesOf, elementCodes } from '../onnx/elements.ts'
import { decodeBlocks, encodeBlocks, LARGEST } from './blocks.ts'
import type { WeightUse } from './weight-uses.ts'

type Tensor = onnxProto.onnx.ITensorProto

/** What the scales of an 8-bit weight are called, after its own name. */
export const SCALE_SUFFIX = '.int8_scale'
export const scaleNameOf = (weight: string): string => weight + SCALE_SUFFIX

export const shapeOf = ({ dims }: Tensor): number[] => (dims ?? []).map(Number)

/** Copied, because numbers of several bytes are read at multiples of their size only, and lie anywhere in a file. */
const rawBytes = ({ rawData }: Tensor): ArrayBuffer => new Uint8Array(rawData ?? []).buffer

const floatsOf = (tensor: Tensor): Float32Array =>
  tensor.rawData?.length ? new Float32Array(rawBytes(tensor)) : Float32Array.from(tensor.floatData ?? [])

/** The constant as float16; null where a number is too large for it. */
export function inHalf(tensor: Tensor): Tensor | null {
  const halves = toHalf(floatsOf(tensor))
  if (halves.some((half) => (half & 0x7c00) === 0x7c00)) return null
  const rawData = new Uint8Array(halves.buffer)
  return { name: tensor.name, dims: tensor.dims, dataType: elementCodes.float16, rawData }
}

/** A constant as int8, [outer, run, stride] under its own shape, and its scales: [outer, 1, stride], or for a table one a row. */
export type InBlocks = { readonly codes: Tensor; readonly scales: Tensor }

/** Null where a number is none, or too large. */
export function inBlocks(tensor: Tensor, { blocks, isTable }: WeightUse): InBlocks | null {
  const values = floatsOf(tensor)
  if (blocks === null || !values.every((value) => Math.abs(value) <= LARGEST)) return null
  const { codes, scales } = encodeBlocks(values, blocks)
  const { name, dims } = tensor
  const { stride } = blocks
  const scaleDims = isTable ? shapeOf(tensor).map((size, axis) => (axis === 0 ? size : 1)) : [-1, 1, stride]
  return {
    codes: { name, dims, dataType: elementCodes.int8, rawData: bytesOf(codes) },
    scales: {
      name: scaleNameOf(name ?? ''),
      dims: scaleDims.map((size) => (size === -1 ? scales.length / stride : size)),
      dataType: elementCodes.float32,
      rawData: bytesOf(scales),
    },
  }
}

/** The numbers of a weight in whichever way it is stored, in 8 bits by its scales; null for what is no weight. */
export function weightOf(tensor: Tensor, scales: Tensor | undefined): Float32Array | null {
  if (tensor.dataType === elementCodes.float32) return floatsOf(tensor)
  if (tensor.dataType === elementCodes.float16) return fromHalf(new Uint16Array(rawBytes(tensor)))
  if (tensor.dataType !== elementCodes.int8 || scales === undefined) return null
  const coded = { codes: new Int8Array(rawBytes(tensor)), scales: floatsOf(scales) }
  return decodeBlocks(coded, { run: coded.codes.length / coded.scales.length, stride: shapeOf(scales).at(-1) ?? 1 })
}
