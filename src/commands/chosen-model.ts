import { stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { AppError } from '../core/errors.ts'
import { openEncoder } from '../models/open-encoder.ts'
import type { Encoder } from '../ports/encoder.ts'
import type { Services } from '../roles/services.ts'
import { findModel } from './models.ts'

/** A model as `--model` names one: a folder, or a version in the data folder (also `champion`). */
export type ChosenModel =
  { readonly kind: 'folder'; readonly folder: string } | { readonly kind: 'version'; readonly name: string }

const looksLikePath = (name: string): boolean =>
  isAbsolute(name) || name.includes('/') || name.includes('\\') || name.startsWith('.')
const looksLikeVersion = (name: string): boolean =>
  name === 'champion' || /^m-[0-9a-f]{10}$/.test(name) || /^\d+$/.test(name)

/** What is meant by `--model`; a word that names a version is one, whatever folders there are. Throws `model-not-found`. */
export async function chooseModel(name: string): Promise<ChosenModel> {
  if (looksLikeVersion(name)) return { kind: 'version', name }
  if ((await stat(name).catch(() => null))?.isDirectory() === true) return { kind: 'folder', folder: name }
  const what = looksLikePath(name) ? `There is no folder ${name}` : `${name} is neither a folder nor a model version`
  throw new AppError(
    'model-not-found',
    `${what}; give a folder that 'pairstream models export' wrote, a version, or champion.`,
  )
}

/** Opens a model folder as it is, without a data folder: one that was trained here, or a published CLIP. Throws `model-not-found`, `model-invalid` or `model-corrupt`. */
export const openModelFolder = (folder: string, threads: number): Promise<Encoder> => openEncoder(folder, { threads })

/** Opens a model of the data folder. Throws `model-not-found`, `no-model` or `model-corrupt`. */
export const openModelVersion = (services: Services, name: string): Promise<Encoder> =>
  services.encoders.open(findModel(services, name).modelVersion)
