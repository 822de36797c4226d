import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, toAppError } from '../core/errors.ts'
import { sha256Hex } from '../core/ids.ts'
import { chooseOutputs, type ChosenOutput, type ChosenOutputs } from './backbone-outputs.ts'
import { featureReading, joinRows, regionReading, type Reading, type SizedOutput } from './backbone-reading.ts'
import type { OnnxSession, TensorFacts } from './onnx-session.ts'
import { openNetwork, type NetworkOptions } from './open-network.ts'
import { readPreprocessing, type Preprocessing } from './preprocessing.ts'
import type { Regions } from './regions.ts'
import { openShown } from './shown-map.ts'
import { readTokenConfiguration } from './token-pooling.ts'

/** A frozen network from pictures to features, which no training changes. */
export type Backbone = {
  /** Names what the features depend on: the network and how pictures are prepared for it. 16 hexadecimal digits. */
  readonly id: string
  /** Numbers of a picture, its regions included. */
  readonly featureWidth: number
  /** The regions that end a row of features; null where there are none. */
  readonly regions: Regions | null
  readonly preprocessing: Preprocessing
  /** From each picture's pixels [3, height, width] to its features [featureWidth], in order. */
  run(pixels: readonly Float32Array[]): Promise<Float32Array[]>
  /**
   * The same network, whose features of a picture are followed by means over its feature map in `side` x `side` regions at most, for heads that
   * weigh these themselves; it has an id of its own, and closes with this one. Throws `model-invalid` where the network shows no feature map.
   */
  withRegions(side: number): Backbone
  close(): Promise<void>
}

export type BackboneOptions = NetworkOptions & {
  /** Where in the folder the network is. Default `onnx/model.onnx`. */
  readonly file?: string
  /** Whether regions will be asked for: a network that ends in the mean over its feature map, and does not show that, then does. Default false. */
  readonly showMap?: boolean
}

/** Raised when decoding changes so that the same file gives other pixels: cached features are then computed anew. */
export const DECODING_VERSION = 1

/**
 * Opens the network of a folder in the hub layout: `onnx/model.onnx` with one picture input [batch, 3, height, width], and
 * `preprocessor_config.json`. Features are what the network pools itself (`features`, `pooler_output`, or any output [batch, width]), else the
 * mean of its feature map [batch, channels, height, width], else the class token or the mean of `last_hidden_state` [batch, tokens,
 * width] as `config.json` says. Throws `model-invalid` or `model-corrupt`.
 */
export async function openBackbone(folder: string, options: BackboneOptions = {}): Promise<Backbone> {
  const preprocessing = await readPreprocessing(folder)
  const path = join(folder, options.file ?? 'onnx/model.onnx')
  refuseSecondFile(path)
  const session = await (options.showMap === true ? openShown : openNetwork)(path, options)
  try {
    const input = pictureInput(session, preprocessing, path)
    const { width, height } = preprocessing.crop
    const length = 3 * width * height

    const runSession = async (pixels: readonly Float32Array[], names: readonly string[]) => {
      const data = new Float32Array(pixels.length * length)
      pixels.forEach((picture, index) => data.set(picture, index * length))
      return session.run({ [input.name]: { data, shape: [pixels.length, 3, height, width] } }, names)
    }
    const shapesOf = async (names: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>> => {
      const results = await runSession([new Float32Array(length)], names).catch(misfit)
      return new Map(Object.entries(results).map(([name, { shape }]) => [name, shape]))
    }

    const outputs = await withSizes(chooseOutputs(session.outputs, path), shapesOf)
    const hasTokens = [outputs.features, outputs.map].some((output) => output?.layout === 'tokens')
    const config = hasTokens ? await readTokenConfiguration(folder) : {}
    const features = featureReading(outputs.features, preprocessing.crop, config)

    const runBatch = async (pixels: readonly Float32Array[], readings: readonly Reading[]): Promise<Float32Array[]> => {
      const results = await runSession(pixels, [...new Set(readings.map(({ output }) => output))])
      const parts = readings.map((reading) => {
        const { data, shape } = results[reading.output] ?? { data: new Float32Array(), shape: [] }
        const isWhole = shape[0] === pixels.length && data.length === pixels.length * reading.size
        if (!isWhole || !data.every(Number.isFinite)) {
          throw new AppError('model-corrupt', `${path} gives features that are not numbers; fetch the model again.`)
        }
        return pixels.map((_, at) => reading.read(data.subarray(at * reading.size, (at + 1) * reading.size)))
      })
      return pixels.map((_, at) => joinRows(parts.map((rows) => rows[at] ?? new Float32Array())))
    }

    const digests = [session.digest, JSON.stringify(preprocessing), String(DECODING_VERSION)]
    const backboneOf = (readings: readonly Reading[], regions: Regions | null): Backbone => ({
      id: sha256Hex([...digests, ...readings.flatMap(({ rule }) => rule ?? [])].join('\n')).slice(0, 16),
      featureWidth: readings.reduce((sum, { width }) => sum + width, 0),
      regions,
      preprocessing,
      async run(pixels) {
        if (pixels.length === 0) return []
        if (typeof input.shape[0] === 'string') return runBatch(pixels, readings)
        const results: Float32Array[] = []
        for (const picture of pixels) results.push(...(await runBatch([picture], readings)))
        return results
      },
      withRegions(side) {
        if (outputs.map === null) {
          throw new AppError(
            'model-invalid',
            `${path} shows no feature map; export it with its last one as an output [batch, channels, height, width] or [batch, tokens, width].`,
          )
        }
        const reading = regionReading(outputs.map, side, preprocessing.crop, config)
        return backboneOf([features, reading], reading.regions)
      },
      close: () => session.close(),
    })
    return backboneOf([features], null)
  } catch (error) {
    await session.close()
    throw error
  }
}

/** Models are trained on a copy of the network, judged and handed on as one file. */
function refuseSecondFile(path: string): void {
  const second = [`${path}_data`, `${path}.data`].find((file) => existsSync(file))
  if (second === undefined) return
  throw new AppError('model-invalid', `${second} holds weights of ${path}; export the network as one file.`)
}

/** The outputs with their sizes as numbers; a black picture tells what the file does not. */
async function withSizes(
  { features, map }: ChosenOutputs,
  shapesOf: (names: readonly string[]) => Promise<ReadonlyMap<string, readonly number[]>>,
): Promise<{ features: SizedOutput; map: SizedOutput | null }> {
  const chosen = map === null ? [features] : [features, map]
  const isOpen = ({ shape }: ChosenOutput): boolean => shape.slice(1).some((size) => typeof size === 'string')
  const open = [...new Set(chosen.filter(isOpen).map(({ name }) => name))]
  const shapes = open.length === 0 ? new Map<string, readonly number[]>() : await shapesOf(open)
  const sized = (output: ChosenOutput): SizedOutput => ({
    ...output,
    sizes: (shapes.get(output.name) ?? output.shape).slice(1).map(Number),
  })
  return { features: sized(features), map: map === null ? null : sized(map) }
}

/** A network that cannot be run on as much as a black picture is none for its preprocessing. */
function misfit(cause: unknown): never {
  const { code, message } = toAppError(cause)
  throw new AppError(code === 'internal' ? 'model-invalid' : code, message, { cause })
}

function pictureInput(session: OnnxSession, { crop }: Preprocessing, path: string): TensorFacts {
  const [input, ...others] = session.inputs
  if (input === undefined || others.length > 0 || input.type !== 'float32' || input.shape.length !== 4) {
    const found = session.inputs.map(({ name, type, shape }) => `${name}: ${type} [${shape.join(', ')}]`).join('; ')
    throw new AppError(
      'model-invalid',
      `${path} must have one float32 input [batch, 3, height, width], and has ${found}.`,
    )
  }
  const wanted = [1, 3, crop.height, crop.width]
  if (!input.shape.every((size, axis) => typeof size === 'string' || size === wanted[axis])) {
    const sizes = `${input.shape.join(' x ')}, while preprocessor_config.json gives ${wanted.slice(1).join(' x ')}`
    throw new AppError('model-invalid', `${path} takes ${sizes}; the two must belong together.`)
  }
  return input
}
