import type { Parameters } from './random-network.ts'

/** Channels of planes, row by row. */
type Maps = {
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly values: Float64Array
}

const EPSILON = 1e-5
const relu = (x: number): number => Math.max(0, x)
const hardSigmoid = (x: number): number => Math.min(6, Math.max(0, x + 3)) / 6
const hardSwish = (x: number): number => x * hardSigmoid(x)

/** Kernel, channels after widening, channels out, squeeze, activation, stride: table 2 of the paper, row by row. */
const table = [
  ['0.0', 3, 16, 16, true, relu, 2],
  ['1.0', 3, 72, 24, false, relu, 2],
  ['1.1', 3, 88, 24, false, relu, 1],
  ['2.0', 5, 96, 40, true, hardSwish, 2],
  ['2.1', 5, 240, 40, true, hardSwish, 1],
  ['2.2', 5, 240, 40, true, hardSwish, 1],
  ['3.0', 5, 120, 48, true, hardSwish, 1],
  ['3.1', 5, 144, 48, true, hardSwish, 1],
  ['4.0', 5, 288, 96, true, hardSwish, 2],
  ['4.1', 5, 576, 96, true, hardSwish, 1],
  ['4.2', 5, 576, 96, true, hardSwish, 1],
] as const

/** MobileNetV3-Small as one would write it down: loops over one picture, batch norm as it is defined. */
export function plainMobileNetV3(parameters: Parameters, pixels: Float32Array, height: number, width: number) {
  const of = (name: string): Float32Array => parameters.get(name)?.values ?? new Float32Array()

  const convolve = (maps: Maps, name: string, kernel: number, stride: number, depthwise = false): Maps => {
    const weights = of(`${name}.weight`)
    const inner = depthwise ? 1 : maps.channels
    const channels = weights.length / (inner * kernel * kernel)
    const padding = (kernel - 1) / 2
    const size = (length: number): number => Math.floor((length + 2 * padding - kernel) / stride) + 1
    const [rows, columns] = [size(maps.height), size(maps.width)]
    const values = new Float64Array(channels * rows * columns)
    for (let at = 0; at < values.length; at++) {
      const [channel, row, column] = [Math.floor(at / (rows * columns)), Math.floor(at / columns) % rows, at % columns]
      let sum = 0
      for (let tap = 0; tap < inner * kernel * kernel; tap++) {
        const from = depthwise ? channel : Math.floor(tap / (kernel * kernel))
        const y = row * stride - padding + (Math.floor(tap / kernel) % kernel)
        const x = column * stride - padding + (tap % kernel)
        if (y < 0 || x < 0 || y >= maps.height || x >= maps.width) continue
        const value = maps.values[(from * maps.height + y) * maps.width + x] ?? 0
        sum += value * (weights[channel * inner * kernel * kernel + tap] ?? 0)
      }
      values[at] = sum
    }
    return { channels, height: rows, width: columns, values }
  }
  const each = (maps: Maps, change: (value: number, channel: number) => number): Maps => {
    const places = maps.height * maps.width
    return { ...maps, values: maps.values.map((value, at) => change(value, Math.floor(at / places))) }
  }
  const normed = (maps: Maps, name: string): Maps => {
    const [scale, shift] = [of(`${name}.weight`), of(`${name}.bias`)]
    const [mean, variance] = [of(`${name}.running_mean`), of(`${name}.running_var`)]
    return each(maps, (value, c) => {
      const centred = (value - (mean[c] ?? 0)) / Math.sqrt((variance[c] ?? 0) + EPSILON)
      return centred * (scale[c] ?? 0) + (shift[c] ?? 0)
    })
  }
  const biased = (maps: Maps, name: string): Maps => {
    const bias = of(`${name}.bias`)
    return each(convolve(maps, name, 1, 1), (value, c) => value + (bias[c] ?? 0))
  }
  const squeeze = (maps: Maps, name: string): Maps => {
    const reduced = each(biased(pooled(maps), `${name}.conv_reduce`), relu)
    const gate = each(biased(reduced, `${name}.conv_expand`), hardSigmoid)
    return each(maps, (value, c) => value * (gate.values[c] ?? 0))
  }

  const picture = { channels: 3, height, width, values: Float64Array.from(pixels) }
  let maps = each(normed(convolve(picture, 'conv_stem', 3, 2), 'bn1'), hardSwish)
  for (const [place, kernel, expansion, out, squeezes, activation, stride] of table) {
    const name = `blocks.${place}`
    const input = maps
    const widens = expansion !== input.channels
    if (widens) maps = each(normed(convolve(maps, `${name}.conv_pw`, 1, 1), `${name}.bn1`), activation)
    const looked = convolve(maps, `${name}.conv_dw`, kernel, stride, true)
    maps = each(normed(looked, `${name}.${widens ? 'bn2' : 'bn1'}`), activation)
    if (squeezes) maps = squeeze(maps, `${name}.se`)
    maps = widens
      ? normed(convolve(maps, `${name}.conv_pwl`, 1, 1), `${name}.bn3`)
      : normed(convolve(maps, `${name}.conv_pw`, 1, 1), `${name}.bn2`)
    if (stride === 1 && input.channels === out) maps = each(maps, keepPlace(input))
  }
  maps = each(normed(convolve(maps, 'blocks.5.0.conv', 1, 1), 'blocks.5.0.bn1'), hardSwish)
  const head = each(biased(pooled(maps), 'conv_head'), hardSwish)
  return { features: head.values, featureMap: maps }
}

function pooled(maps: Maps): Maps {
  const places = maps.height * maps.width
  const values = new Float64Array(maps.channels)
  for (const [at, value] of maps.values.entries()) {
    const channel = Math.floor(at / places)
    values[channel] = (values[channel] ?? 0) + value / places
  }
  return { channels: maps.channels, height: 1, width: 1, values }
}

/** Adds the value of the same place, in the order of the values. */
function keepPlace(input: Maps): (value: number) => number {
  let at = 0
  return (value) => value + (input.values[at++] ?? 0)
}
