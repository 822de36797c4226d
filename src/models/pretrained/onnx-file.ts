import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'

/** How the weights of a file are stored: in full, in half, or in 8 bits. */
export type Precision = 'fp32' | 'fp16' | 'int8'

/** The endings under which the hubs publish each (Optimum, transformers.js, sentence-transformers), the commonest first. */
const endings: Record<Precision, readonly string[]> = {
  fp32: [''],
  fp16: ['_fp16'],
  int8: ['_quantized', '_int8', '_uint8', '_qint8_avx512_vnni', '_qint8_avx512', '_quint8_avx2', '_qint8_arm64'],
}

/** What is taken where nobody chose: the reference's own numbers, else the faster of what there is on a CPU. */
const preferred: readonly Precision[] = ['fp32', 'int8', 'fp16']

/** In `onnx/`, or beside `config.json` as older exports are. */
const places = ['onnx', '.']

/**
 * The file of a network in a folder of the hub layout, such as `onnx/model.onnx` or `onnx/model_quantized.onnx` for the stem `model`;
 * null where there is none of the wanted precision (default: full, else 8 bit, else half).
 */
export async function findOnnxFile(folder: string, stem: string, precision?: Precision): Promise<string | null> {
  const present = new Set<string>()
  for (const place of places) {
    const names = await readdir(join(folder, place)).catch(() => [])
    for (const name of names) present.add(join(folder, place, name))
  }
  for (const wanted of precision === undefined ? preferred : [precision]) {
    for (const ending of endings[wanted]) {
      const paths = places.map((place) => join(folder, place, `${stem}${ending}.onnx`))
      const found = paths.find((path) => present.has(path))
      if (found !== undefined) return found
    }
  }
  return null
}

/** As `findOnnxFile`; throws `model-invalid` where there is none. */
export async function onnxFileOf(folder: string, stem: string, precision?: Precision): Promise<string> {
  const found = await findOnnxFile(folder, stem, precision)
  if (found !== null) return found
  const wanted = precision === undefined ? '' : ` in ${precision}`
  throw new AppError('model-invalid', `${folder} has no onnx/${stem}.onnx${wanted}; fetch its ONNX files as well.`)
}
