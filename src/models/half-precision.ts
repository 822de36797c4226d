/** Numbers of 16 bits (IEEE 754 binary16) as ONNX Runtime takes and gives them: their bits in a Uint16Array. */

const single = new Float32Array(1)
const bits = new Uint32Array(single.buffer)

/** The nearest of 16 bits, ties to even; beyond 65,504 infinity. */
export function toHalf(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, (value) => {
    single[0] = value
    const word = bits[0] ?? 0
    const sign = (word >>> 16) & 0x8000
    const exponent = ((word >>> 23) & 0xff) - 112
    const mantissa = word & 0x7fffff
    if (exponent >= 143) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200)
    if (exponent >= 31) return sign | 0x7c00
    if (exponent < -10) return sign
    // Below the smallest normal number the leading one is written out and shifted down.
    const [whole, shift] = exponent > 0 ? [(exponent << 23) | mantissa, 13] : [mantissa | 0x800000, 14 - exponent]
    const kept = whole >>> shift
    const rest = whole & ((1 << shift) - 1)
    const middle = 1 << (shift - 1)
    // A carry runs into the exponent, which is right: the next number up has the next exponent.
    return sign | (kept + (rest > middle || (rest === middle && (kept & 1) === 1) ? 1 : 0))
  })
}

export function fromHalf(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, (half) => {
    const sign = (half & 0x8000) === 0 ? 1 : -1
    const exponent = (half >>> 10) & 0x1f
    const mantissa = half & 0x3ff
    if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN
    return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
  })
}
