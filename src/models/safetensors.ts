import { AppError } from '../core/errors.ts'

/** A tensor of a file. */
export type StoredTensor = {
  readonly type: string
  readonly shape: readonly number[]
  /** Its values, row-major, copied out of the file. Throws `model-invalid` where they are not F32, F16 or BF16. */
  floats(): Float32Array
}

/** The longest header that the format's own library takes, in bytes. */
const LONGEST_HEADER = 100_000_000
const LENGTH_BYTES = 8

const bytesOfType: ReadonlyMap<string, number> = new Map(
  Object.entries({ BOOL: 1, U8: 1, I8: 1, F8_E4M3: 1, F8_E5M2: 1, U16: 2, I16: 2, F16: 2, BF16: 2 }).concat(
    Object.entries({ U32: 4, I32: 4, F32: 4, U64: 8, I64: 8, F64: 8 }),
  ),
)

const corrupt = (reason: string): AppError =>
  new AppError('model-corrupt', `The safetensors file cannot be read (${reason}); fetch the model again.`)

/**
 * Understands a file of the safetensors format: the length of the header, the header as JSON, the bytes of the tensors without a gap
 * or an overlap. Nothing is allocated on the word of the header. Throws `model-corrupt` where the file does not keep to the format.
 */
export function readSafetensors(file: Uint8Array): ReadonlyMap<string, StoredTensor> {
  const header = readHeader(file)
  const data = file.subarray(header.end)
  const entries = Object.entries(header.entries)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => ({ name, ...readEntry(name, entry) }))
    .sort((a, b) => a.from - b.from || a.to - b.to)
  let at = 0
  for (const { name, from, to } of entries) {
    if (from !== at) throw corrupt(`${name} does not begin where the tensor before it ends`)
    if (to > data.length) throw corrupt(`${name} reaches past the end of the file`)
    at = to
  }
  if (at !== data.length) throw corrupt('it is longer than its tensors')
  return new Map(
    entries.map(({ name, type, shape, from, to }) => [
      name,
      { type, shape, floats: () => floatsOf(name, type, new Uint8Array(data.subarray(from, to))) },
    ]),
  )
}

/** What the file says of itself: texts by name. Throws `model-corrupt` as `readSafetensors` does. */
export function readSafetensorsMetadata(file: Uint8Array): Readonly<Record<string, string>> {
  const { __metadata__: metadata = {} } = readHeader(file).entries as { readonly __metadata__?: unknown }
  const isText =
    typeof metadata === 'object' &&
    metadata !== null &&
    Object.values(metadata).every((value) => typeof value === 'string')
  if (!isText) throw corrupt('its metadata are not texts')
  return metadata as Readonly<Record<string, string>>
}

function readHeader(file: Uint8Array): { entries: object; end: number } {
  if (file.length < LENGTH_BYTES) throw corrupt('it is too short')
  const length = Number(new DataView(file.buffer, file.byteOffset, LENGTH_BYTES).getBigUint64(0, true))
  if (length > LONGEST_HEADER) throw corrupt('its header is too long')
  const end = LENGTH_BYTES + length
  if (end > file.length) throw corrupt('it ends within its header')
  let entries: unknown
  try {
    entries = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(LENGTH_BYTES, end)))
  } catch {
    throw corrupt('its header is not JSON')
  }
  if (typeof entries !== 'object' || entries === null || Array.isArray(entries)) {
    throw corrupt('its header is no object')
  }
  return { entries, end }
}

type Entry = { readonly type: string; readonly shape: number[]; readonly from: number; readonly to: number }

function readEntry(name: string, entry: unknown): Entry {
  const { dtype, shape, data_offsets } = (entry ?? {}) as Record<string, unknown>
  const size = typeof dtype === 'string' ? bytesOfType.get(dtype) : undefined
  if (typeof dtype !== 'string' || size === undefined) throw corrupt(`${name} has no element type of the format`)
  if (!isSizes(shape)) throw corrupt(`${name} has no shape`)
  if (!isSizes(data_offsets)) throw corrupt(`${name} has no place in the file`)
  const [from, to] = data_offsets
  if (from === undefined || to === undefined || data_offsets.length !== 2 || to < from) {
    throw corrupt(`${name} has no place in the file`)
  }
  if (shape.reduce((product, length) => product * length, size) !== to - from) {
    throw corrupt(`${name} has not as many bytes as its shape needs`)
  }
  return { type: dtype, shape, from, to }
}

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)

/** The copied bytes begin at a whole multiple of every element's size. */
function floatsOf(name: string, type: string, bytes: Uint8Array<ArrayBuffer>): Float32Array {
  if (type === 'F32') return new Float32Array(bytes.buffer)
  if (type === 'F16') return Float32Array.from(new Uint16Array(bytes.buffer), halfToNumber)
  if (type === 'BF16') {
    // The upper half of a float32.
    return new Float32Array(Uint32Array.from(new Uint16Array(bytes.buffer), (bits) => bits << 16).buffer)
  }
  throw new AppError('model-invalid', `${name} is stored as ${type}; convert the weights to F32, F16 or BF16.`)
}

/** IEEE 754 binary16: a sign, five bits of exponent, ten of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
