import { AppError } from '../../core/errors.ts'

export const precisions = ['fp32', 'fp16', 'int8'] as const
export type Precision = (typeof precisions)[number]

export type Choice = {
  /** Configuration, tokeniser, licence. */
  readonly settings: readonly string[]
  /** ONNX files, or `model.safetensors`. */
  readonly networks: readonly string[]
  /** Of all networks. */
  readonly precision: Precision
}

/** PyTorch image models whose networks are written here from their published weights; a name may carry that of its training. */
const builtHere = /^mobilenetv3_small_100(\..+)?$/
const WEIGHTS_FILE = 'model.safetensors'

/** What is read by somebody. Pickles and code are not in it, nor can they get in: what is not named is not fetched. */
const settings: readonly RegExp[] = [
  /^(config|preprocessor_config|processor_config|open_clip_config)\.json$/,
  /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$/,
  /^(vocab|merges)\.txt$/,
  /^(modules|sentence_bert_config|config_sentence_transformers)\.json$/,
  /^\d+_[A-Za-z]+\/config\.json$/,
  /^(LICENSE|NOTICE)(\.txt|\.md)?$/,
]

/** Whether a file is configuration, part of a tokeniser, or a licence. */
export const isSettings = (path: string): boolean => settings.some((pattern) => pattern.test(path))

/** How the files of the hub's ONNX exports end, the one that serves best on a processor first. */
const suffixes: Readonly<Record<Precision, readonly string[]>> = {
  fp32: [''],
  fp16: ['_fp16'],
  int8: ['_quantized', '_int8', '_uint8', '_quint8_avx2', '_qint8_arm64', '_qint8_avx512_vnni', '_qint8_avx512'],
}
/** Optimised for one runtime, or with weights in four bits: nothing that is asked for here. */
const otherEndings = /_(O[1-4]|q4|q4f16|bnb4|qu?int8_\w+)$/
const endings = precisions.flatMap((precision) => suffixes[precision].map((suffix) => ({ precision, suffix })))

/** As it is published first; then what an ordinary processor runs fast. */
const preferred: readonly Precision[] = ['fp32', 'int8', 'fp16']

/**
 * Chooses what is fetched of a model from the paths of its files and from what its `config.json` says. `wanted` null takes fp32 where
 * there is one, else what there is. Throws `model-invalid` where nothing can be used, or not in that precision.
 */
export function chooseFiles(paths: readonly string[], configuration: unknown, wanted: Precision | null): Choice {
  const chosen = paths.filter(isSettings)
  const architecture = architectureOf(configuration)
  if (architecture !== null && builtHere.test(architecture) && paths.includes(WEIGHTS_FILE)) {
    if (wanted !== null && wanted !== 'fp32') {
      throw new AppError('model-invalid', `The weights of ${architecture} are fp32; leave --precision out.`)
    }
    return { settings: chosen, networks: [WEIGHTS_FILE], precision: 'fp32' }
  }
  const parts = partsOf(paths)
  if (parts.size === 0) {
    const others = "'pairstream models pull' takes no pickles and runs no code"
    throw new AppError('model-invalid', `The model has no ONNX files; ${others}. Name one that has them, in onnx/.`)
  }
  const all = [...parts.values()]
  const has = (precision: Precision): boolean => all.every((part) => part.has(precision))
  const precision = (wanted === null ? preferred : [wanted]).find(has)
  if (precision === undefined) {
    const there = precisions.filter(has).join(', ')
    const advice = there === '' ? 'its parts have none in common' : `there is ${there}`
    throw new AppError('model-invalid', `The model has no ${wanted ?? 'one'} precision for all its parts; ${advice}.`)
  }
  return { settings: chosen, networks: all.map((part) => part.get(precision) ?? '').sort(), precision }
}

/** PyTorch image models name it so. */
function architectureOf(configuration: unknown): string | null {
  const { architecture } = (configuration ?? {}) as { architecture?: unknown }
  return typeof architecture === 'string' ? architecture : null
}

/** The ONNX files by what they compute (`text_model`) and by precision; those in `onnx/` before those beside it. */
function partsOf(paths: readonly string[]): Map<string, Map<Precision, string>> {
  const names = ['onnx/', ''].map((folder) => namesIn(paths, folder)).find((found) => found.length > 0) ?? []
  const parts = new Map<string, Map<Precision, string>>()
  // In the order of the endings, so that the best of a precision comes first.
  for (const { precision, suffix } of endings) {
    for (const { name, path } of names.filter((each) => precisionEnding(each.name) === suffix)) {
      const part = name.slice(0, name.length - suffix.length)
      const files = parts.get(part) ?? new Map<Precision, string>()
      if (!files.has(precision)) files.set(precision, path)
      parts.set(part, files)
    }
  }
  // Both towers of CLIP in one file, which is the two others again.
  if (parts.has('text_model') && parts.has('vision_model')) parts.delete('model')
  return parts
}

const namesIn = (paths: readonly string[], folder: string): { name: string; path: string }[] =>
  paths.flatMap((path) => {
    const name = path.startsWith(folder) && path.endsWith('.onnx') ? path.slice(folder.length, -'.onnx'.length) : '/'
    return name.includes('/') ? [] : [{ name, path }]
  })

/** The longest ending of a name that says a precision: `''` where none does, null where it is one that is not taken. */
function precisionEnding(name: string): string | null {
  const found = endings.find(({ suffix }) => suffix !== '' && name.endsWith(suffix))
  if (found !== undefined) return found.suffix
  return otherEndings.test(name) ? null : ''
}
