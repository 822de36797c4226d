import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { sha256Hex } from '../../src/core/ids.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import type { Source } from '../../src/producers/source.ts'
import { copyDataFolder, openBenchServices } from './bench-services.ts'
import { progress } from './machine.ts'
import type { BenchOptions } from './options.ts'
import { benchSource, portionOf } from './pictures.ts'
import { trainAndRelease } from './train-and-release.ts'

/** A data folder to work on at will, with a trained model that serves. */
export type PreparedData = { readonly folder: string; readonly backbone: string | undefined; readonly title: string }

/**
 * Puts a copy of a data folder with a serving model into `target`: the one that was named, or one with the first `pictures` of the
 * data set, which is prepared the first time (minutes: every picture goes through the backbone, and a model is trained) and kept
 * under the system's folder for temporary files.
 */
export async function prepareData(options: BenchOptions, pictures: number, target: string): Promise<PreparedData> {
  const { title, source } = await benchSource(options, pictures)
  const kept = options.data ?? (await keptFolder(options, pictures, portionOf(source, 0, pictures)))
  await copyDataFolder(kept, target)
  // A folder that was filled with the built-in backbone has it with it.
  const builtIn = existsSync(join(kept, 'backbone', 'config.json'))
  const what =
    options.data === null
      ? `${title}, the first ${pictures.toLocaleString('en-GB')} pictures`
      : `the data folder ${basename(options.data)}`
  return { folder: target, backbone: builtIn ? undefined : (options.backbone ?? undefined), title: what }
}

async function keptFolder(options: BenchOptions, pictures: number, source: Source): Promise<string> {
  const { dataset, backbone, seed, threads } = options
  const key = sha256Hex(JSON.stringify({ dataset, backbone, pictures, seed })).slice(0, 12)
  const folder = join(tmpdir(), 'pairstream-bench', `data-${key}`)
  if (existsSync(folder)) return folder
  progress(`preparing a data folder with ${pictures} pictures; later runs find it in ${folder}`)
  const unfinished = `${folder}.part`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(dirname(folder), { recursive: true })
  const settings = { BACKBONE_DIR: backbone ?? undefined, THREADS: threads, TRAINING_SEED: seed }
  const { services, close } = await openBenchServices(unfinished, settings)
  try {
    const { accepted } = await publishSource(source, services.publisher)
    progress(`${accepted} pairs are published`)
    await trainAndRelease(services)
  } finally {
    await close()
  }
  await rename(unfinished, folder)
  return folder
}
