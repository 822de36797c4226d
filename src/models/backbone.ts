import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, toAppError } from '../core/errors.ts'
import { sha256Hex } from '../core/ids.ts'
import { openOnnxSession, type OnnxSession, type SessionOptions, type TensorFacts } from './onnx-session.ts'
import { readPreprocessing, type Preprocessing } from './preprocessing.ts'

/** A frozen network from pictures to features, which no training changes. */
export type Backbone = {
  /** Names what the features depend on: the network and how pictures are prepared for it. 16 hexadecimal digits. */
  readonly id: string
  readonly featureWidth: number
  readonly preprocessing: Preprocessing
  /** From each picture's pixels [3, height, width] to its features [featureWidth], in order. */
  run(pixels: readonly Float32Array[]): Promise<Float32Array[]>
  close(): Promise<void>
}

export type BackboneOptions = SessionOptions & {
  /** Where in the folder the network is. Default `onnx/model.onnx`. */
  readonly file?: string
}

/** Raised when decoding changes so that the same file gives other pixels: cached features are then computed anew. */
const DECODING_VERSION = 1

/**
 * Opens the network of a folder in the hub layout: `onnx/model.onnx` with a picture input (`pixels` or `pixel_values`) and a
 * two-dimensional output (`features`, `pooler_output` or the first there is), and `preprocessor_config.json`. Throws
 * `model-invalid` or `model-corrupt`.
 */
export async function openBackbone(folder: string, options: BackboneOptions = {}): Promise<Backbone> {
  const preprocessing = await readPreprocessing(folder)
  const path = join(folder, options.file ?? 'onnx/model.onnx')
  const session = await openOnnxSession(path, options)
  try {
    const input = pictureInput(session, preprocessing, path)
    const output = featureOutput(session, path)
    const { width, height } = preprocessing.crop
    const length = 3 * width * height

    const runBatch = async (pixels: readonly Float32Array[]): Promise<Float32Array[]> => {
      const data = new Float32Array(pixels.length * length)
      pixels.forEach((picture, index) => data.set(picture, index * length))
      const results = await session.run({ [input.name]: { data, shape: [pixels.length, 3, height, width] } }, [
        output.name,
      ])
      const { data: features = new Float32Array(), shape = [] } = results[output.name] ?? {}
      if (shape[0] !== pixels.length || !features.every(Number.isFinite)) {
        throw new AppError('model-corrupt', `${path} gives features that are not numbers; fetch the model again.`)
      }
      const featureWidth = features.length / pixels.length
      return pixels.map((_, index) => features.slice(index * featureWidth, (index + 1) * featureWidth))
    }

    const run = async (pixels: readonly Float32Array[]): Promise<Float32Array[]> => {
      if (pixels.length === 0) return []
      if (typeof input.shape[0] === 'string') return runBatch(pixels)
      const results: Float32Array[] = []
      for (const picture of pixels) results.push(...(await runBatch([picture])))
      return results
    }

    const declared = output.shape[1]
    const [probe] = typeof declared === 'number' ? [null] : await run([new Float32Array(length)]).catch(misfit)
    const digests = [sha256Hex(await readFile(path)), JSON.stringify(preprocessing), String(DECODING_VERSION)]
    return {
      id: sha256Hex(digests.join('\n')).slice(0, 16),
      featureWidth: typeof declared === 'number' ? declared : (probe?.length ?? 0),
      preprocessing,
      run,
      close: () => session.close(),
    }
  } catch (error) {
    await session.close()
    throw error
  }
}

/** A network that cannot be run on as much as a black picture is none for its preprocessing. */
function misfit(cause: unknown): never {
  const { code, message } = toAppError(cause)
  throw new AppError(code === 'internal' ? 'model-invalid' : code, message, { cause })
}

function pictureInput(session: OnnxSession, { crop }: Preprocessing, path: string): TensorFacts {
  const [input, ...others] = session.inputs
  if (input === undefined || others.length > 0 || input.type !== 'float32' || input.shape.length !== 4) {
    throw new AppError('model-invalid', `${path} must have one float32 input [batch, 3, height, width].`)
  }
  const wanted = [1, 3, crop.height, crop.width]
  if (!input.shape.every((size, axis) => typeof size === 'string' || size === wanted[axis])) {
    const sizes = `${input.shape.join(' x ')}, while preprocessor_config.json gives ${wanted.slice(1).join(' x ')}`
    throw new AppError('model-invalid', `${path} takes ${sizes}; the two must belong together.`)
  }
  return input
}

function featureOutput(session: OnnxSession, path: string): TensorFacts {
  const pooled = session.outputs.filter(({ type, shape }) => type === 'float32' && shape.length === 2)
  const named = ['features', 'pooler_output'].map((name) => pooled.find((output) => output.name === name))
  const output = named.find((found) => found !== undefined) ?? pooled[0]
  if (output === undefined) {
    throw new AppError(
      'model-invalid',
      `${path} must have an output [batch, width]; export it with its features pooled.`,
    )
  }
  return output
}
