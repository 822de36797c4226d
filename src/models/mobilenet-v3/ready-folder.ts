import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { randomId, sha256Hex } from '../../core/ids.ts'
import { readModelJson } from '../model-config.ts'
import { readSafetensors } from '../safetensors.ts'
import { mobileNetV3Small } from './architecture.ts'
import { mobileNetV3Network } from './network.ts'
import { isPublishedConfig, parsePublishedConfig, preprocessorConfig } from './published-config.ts'

const NETWORK_FILE = 'onnx/model.onnx'
const WEIGHTS_FILE = 'model.safetensors'
/** Twenty times those of the network with its classifier. */
const MOST_WEIGHT_BYTES = 200_000_000
/** Raised when the same weights are written as another graph: folders of before are then left alone. */
const WRITING_VERSION = 1

/**
 * The folder from which a backbone can be opened: `folder` itself where its network is ONNX; else, for a MobileNetV3-Small as PyTorch image models
 * publish it (`config.json`, `model.safetensors`), a folder within `ownFolder`, named by the digest of its weights and written at the first
 * use. `folder` is never written to. Throws `model-invalid` or `model-corrupt`.
 */
export async function readyBackboneFolder(folder: string, ownFolder: string): Promise<string> {
  if (existsSync(join(folder, NETWORK_FILE)) || !existsSync(join(folder, WEIGHTS_FILE))) return folder
  const published = await readModelJson(folder, 'config.json')
  if (!isPublishedConfig(published)) return folder
  const config = parsePublishedConfig(published)
  const weights = await readWeights(join(folder, WEIGHTS_FILE))
  const digest = sha256Hex(weights)
  const name = sha256Hex([WRITING_VERSION, digest, JSON.stringify(config)].join('\n')).slice(0, 16)
  const target = join(ownFolder, `mobilenetv3_small_100-${name}`)
  if (existsSync(target)) return target

  const preprocessor = preprocessorConfig(config)
  const about = {
    ...config,
    num_features: mobileNetV3Small.featureWidth,
    weights_sha256: digest,
  }
  await writeWhole(target, {
    [NETWORK_FILE]: mobileNetV3Network(readSafetensors(weights), preprocessor.crop_size),
    'preprocessor_config.json': `${JSON.stringify(preprocessor, null, 1)}\n`,
    'config.json': `${JSON.stringify(about, null, 1)}\n`,
  })
  return target
}

async function readWeights(path: string): Promise<Uint8Array> {
  const { size } = await stat(path)
  if (size <= MOST_WEIGHT_BYTES) return readFile(path)
  throw new AppError('model-invalid', `${path} is far larger than the weights of a mobilenetv3_small_100; check it.`)
}

/** Writes a folder beside its place, to the disk, and then moves it there; where another process was faster, its folder stays. */
async function writeWhole(target: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const unfinished = `${target}.${randomId()}.part`
  try {
    for (const [file, content] of Object.entries(files)) {
      await mkdir(join(unfinished, file, '..'), { recursive: true })
      const handle = await open(join(unfinished, file), 'w')
      try {
        await handle.writeFile(content)
        await handle.sync()
      } finally {
        await handle.close()
      }
    }
    await rename(unfinished, target)
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true })
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return
    if (code !== 'ENOSPC') throw cause
    throw new AppError('storage-full', `The disk that holds ${target} is full; free some space and go on.`, { cause })
  }
}
