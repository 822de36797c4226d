import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import sharp from 'sharp'
import { runtimeOptions } from '../../src/models/onnx-session.ts'
import { readPreprocessing, resizedSize, toPixels, type Preprocessing } from '../../src/models/preprocessing.ts'
import type { View } from '../../src/models/views.ts'

export const VIEWS: readonly View[] = ['plain', 'flipped']

/** An image network as one would run it by hand: ONNX Runtime in a loop, without batching across callers, checks or copies out. */
export type BareNetwork = {
  readonly preprocessing: Preprocessing
  /** Runs the network over the pixels, `batch` at a time. */
  run(pixels: readonly Float32Array[], batch: number): Promise<void>
  close(): Promise<void>
}

/** Opens the network of a folder in the hub layout, with the session options that the product uses. */
export async function openBareNetwork(folder: string, threads: number): Promise<BareNetwork> {
  const preprocessing = await readPreprocessing(folder)
  const session = await ort.InferenceSession.create(join(folder, 'onnx/model.onnx'), runtimeOptions(threads))
  const input = session.inputNames[0] ?? ''
  const output = session.outputNames.includes('features') ? 'features' : (session.outputNames[0] ?? '')
  const { width, height } = preprocessing.crop
  return {
    preprocessing,
    async run(pixels, batch) {
      for (let at = 0; at < pixels.length; at += batch) {
        const slice = pixels.slice(at, at + batch)
        const data = new Float32Array(slice.length * 3 * width * height)
        slice.forEach((picture, index) => data.set(picture, index * 3 * width * height))
        await session.run({ [input]: new ort.Tensor('float32', data, [slice.length, 3, height, width]) }, [output])
      }
    },
    close: () => session.release(),
  }
}

/** Decodes a picture by sharp alone and gives its pixels under each view, as the network takes them. */
export async function bareDecode(bytes: Uint8Array, preprocessing: Preprocessing): Promise<Float32Array[]> {
  const image = sharp(bytes)
  const { width, height } = await image.metadata()
  const { kernel, crop } = preprocessing
  const size = resizedSize(width, height, preprocessing)
  const left = Math.floor((size.width - crop.width) / 2)
  const top = Math.floor((size.height - crop.height) / 2)
  const fitted = image.resize(size.width, size.height, { fit: 'fill', kernel }).extract({ left, top, ...crop })
  const rgb = await fitted.removeAlpha().raw().toBuffer()
  return VIEWS.map((view) => toPixels(rgb, preprocessing, view))
}
