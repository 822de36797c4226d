import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { AppError, toAppError } from '../core/errors.ts'
import { openBackbone, type Backbone } from '../models/backbone.ts'
import { writeBuiltInBackbone } from '../models/built-in-backbone.ts'
import { readyBackboneFolder } from '../models/mobilenet-v3/ready-folder.ts'
import { clipFiles, type ClipSource } from '../models/pretrained/clip-files.ts'
import { openClip, type Clip } from '../models/pretrained/clip.ts'
import { openSentenceEncoder, type SentenceEncoder } from '../models/pretrained/sentence-encoder.ts'

/** The networks that trainings build on and leave as they are; each is opened when it is first asked for, on a thread of its own. */
export type FrozenNetworks = {
  /** Where the backbone was last found. */
  readonly backboneFolder: string
  readonly backbone: () => Promise<Backbone>
  /** Null where no sentence encoder is configured. */
  readonly sentenceFolder: string | null
  readonly sentenceEncoder: () => Promise<SentenceEncoder | null>
  /** Where a CLIP is configured, backbone and sentence encoder are its halves; null where none is. */
  readonly clipSource: ClipSource | null
  readonly clip: () => Promise<Clip | null>
  closeNetworks(): Promise<void>
}

export async function createFrozenNetworks(config: Config): Promise<FrozenNetworks> {
  if (config.CLIP_DIR !== undefined) return createClipNetworks(config, config.CLIP_DIR)
  const { BACKBONE_DIR, SENTENCE_ENCODER_DIR, THREADS } = config
  const options = { threads: THREADS, onThread: true }
  // Who opens it is told of a wrong folder; other roles go on without it.
  let backboneFolder = await chooseBackbone(config).catch((cause: unknown) => unlessConfigured(cause, config))
  const backbone = openedOnce(async () => {
    try {
      backboneFolder = await chooseBackbone(config)
      return await showing(await openBackbone(backboneFolder, { ...options, showMap: attends(config) }), config)
    } catch (cause) {
      const what = attends(config) ? 'a backbone for IMAGE_HEAD=attention' : 'an image backbone'
      throw BACKBONE_DIR === undefined ? cause : unusable('BACKBONE_DIR', BACKBONE_DIR, what, cause)
    }
  })
  const sentenceEncoder = openedOnce(async () => {
    if (SENTENCE_ENCODER_DIR === undefined) return null
    try {
      return await openSentenceEncoder(SENTENCE_ENCODER_DIR, options)
    } catch (cause) {
      throw unusable('SENTENCE_ENCODER_DIR', SENTENCE_ENCODER_DIR, 'a sentence encoder', cause)
    }
  })
  return {
    get backboneFolder() {
      return backboneFolder
    },
    backbone: backbone.get,
    sentenceFolder: SENTENCE_ENCODER_DIR ?? null,
    sentenceEncoder: sentenceEncoder.get,
    clipSource: null,
    clip: () => Promise.resolve(null),
    async closeNetworks() {
      await Promise.all([backbone.close(), sentenceEncoder.close()])
    },
  }
}

const attends = ({ IMAGE_HEAD }: Config): boolean => IMAGE_HEAD === 'attention'

/** The backbone, where it shows what the configuration wants attention for. */
async function showing(backbone: Backbone, config: Config): Promise<Backbone> {
  try {
    if (attends(config)) backbone.withRegions(1)
    return backbone
  } catch (error) {
    await backbone.close()
    throw error
  }
}

function createClipNetworks({ THREADS, CLIP_PRECISION: precision }: Config, folder: string): FrozenNetworks {
  const clipSource = { folder, precision }
  const clip = openedOnce(async () => {
    try {
      // What a model could not carry should be told before anything is trained on it.
      await clipFiles(clipSource)
      return await openClip(folder, { precision, threads: THREADS, onThread: true })
    } catch (cause) {
      throw unusable('CLIP_DIR', folder, 'a CLIP', cause)
    }
  })
  return {
    backboneFolder: folder,
    backbone: async () => (await clip.get()).vision,
    sentenceFolder: null,
    sentenceEncoder: async () => (await clip.get()).texts,
    clipSource,
    clip: clip.get,
    closeNetworks: clip.close,
  }
}

type Closable = { close(): Promise<void> } | null

/** What could not be opened is tried again by the next caller. */
function openedOnce<T extends Closable>(open: () => Promise<T>): { get(): Promise<T>; close(): Promise<void> } {
  let opened: Promise<T> | null = null
  return {
    get() {
      if (opened === null) {
        const opening = open()
        opened = opening
        opening.catch(() => {
          if (opened === opening) opened = null
        })
      }
      return opened
    },
    async close() {
      const known = await opened?.catch(() => null) // whoever asked for it was told
      await known?.close()
    },
  }
}

function unusable(variable: string, folder: string, what: string, cause: unknown): AppError {
  const { kind, message } = toAppError(cause)
  if (kind === 'unavailable') return toAppError(cause)
  return new AppError('model-invalid', `${variable}=${folder} is not the folder of ${what}: ${message}`, { cause })
}

/** The folder of the configured backbone, or of the built-in one, written where it is not yet. */
async function chooseBackbone({ BACKBONE_DIR, DATA_DIR }: Config): Promise<string> {
  if (BACKBONE_DIR !== undefined) return readyBackboneFolder(BACKBONE_DIR, join(DATA_DIR, 'backbones'))
  const builtIn = join(DATA_DIR, 'backbone')
  if (!existsSync(join(builtIn, 'config.json'))) await writeBuiltInBackbone(builtIn)
  return builtIn
}

function unlessConfigured(cause: unknown, { BACKBONE_DIR }: Config): string {
  if (BACKBONE_DIR === undefined) throw cause
  return BACKBONE_DIR
}
