import { join } from 'node:path'
import { describe, onTestFinished } from 'vitest'
import { createFileBlobStore } from '../../src/adapters/blob-store/files.ts'
import { openDualEncoder } from '../../src/models/dual-encoder.ts'
import { createEncoderPool } from '../../src/models/encoder-pool.ts'
import { createFeatureCache } from '../../src/models/feature-cache.ts'
import { assembleModelFolder } from '../../src/models/model-folder.ts'
import type { Encoder } from '../../src/ports/encoder.ts'
import { encoderContract } from '../contracts/encoder.ts'
import { picture } from '../api/fixtures/colour-encoder.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { writeSentenceModel } from './sentence-model.ts'
import { writeTinyModel } from './tiny-model.ts'

async function underTest(openFrom: (folder: string) => () => Promise<Encoder>) {
  const folder = join(await temporaryFolder(), 'model')
  const { backboneFolder } = await writeTinyModel(folder)
  await assembleModelFolder(folder, backboneFolder)
  const reopen = openFrom(folder)
  const encoder = await reopen()
  onTestFinished(() => encoder.close())
  return { encoder, reopen, pictures: await Promise.all([picture('red'), picture('green'), picture('black')]) }
}

describe('dual encoder', () => {
  encoderContract(() => underTest((folder) => () => openDualEncoder(folder)))
})

describe('dual encoder on a sentence encoder, with a cache', () => {
  encoderContract(async () => {
    const { folder } = await writeSentenceModel('bag')
    const root = await temporaryFolder()
    const blobs = createFileBlobStore({ folder: join(root, 'blobs') })
    const features = createFeatureCache({ blobs, folder: join(root, 'features') })
    const reopen = () => openDualEncoder(folder, { features })
    const encoder = await reopen()
    onTestFinished(async () => {
      await encoder.close()
      await features.close()
    })
    return { encoder, reopen, pictures: await Promise.all([picture('red'), picture('green'), picture('black')]) }
  })
})

describe('shared by a pool', () => {
  encoderContract(() =>
    underTest((folder) => {
      const pool = createEncoderPool(() => openDualEncoder(folder))
      return () => pool.open('m-tiny')
    }),
  )
})
