import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { writeBuiltInBackbone } from '../../src/models/built-in-backbone.ts'
import { fact } from '../../src/roles/doctor/check.ts'
import { backboneCheck } from '../../src/roles/doctor/release-checks.ts'
import { createServices } from '../../src/roles/services.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { safetensorsOf } from '../fixtures/safetensors.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { openedServices } from './opened-services.ts'
import { writeTinyClip } from '../models/pretrained/tiny-clip.ts'
import { TINY_SENTENCE_WIDTH, writeTinySentenceEncoder } from '../models/pretrained/tiny-sentence-encoder.ts'
import { randomParameters, rawTensors } from '../models/mobilenet-v3/random-network.ts'

it('tells of a wrong BACKBONE_DIR when training starts, tries again when asked, and can be closed', async () => {
  const folder = await temporaryFolder()
  const wrong = join(folder, 'nowhere')
  const config = loadConfig({}, { DATA_DIR: join(folder, 'data'), BACKBONE_DIR: wrong, LOG_LEVEL: 'error' })
  const platform = await openPlatform(config, 'own')
  const open = () =>
    createServices(platform, createLogger({ level: 'error' }), createMetrics({ processMetrics: false }))
  const services = await open()
  await expect(startRoles(services, ['train'])).rejects.toMatchObject({
    code: 'model-invalid',
    message: expect.stringContaining(`BACKBONE_DIR=${wrong}`) as string,
  })
  await writeBuiltInBackbone(wrong)
  await expect(services.backbone()).resolves.toMatchObject({ featureWidth: expect.any(Number) as number })
  await services.closeServices()

  const unlucky = await open()
  await rm(wrong, { recursive: true })
  const opening = unlucky.backbone()
  const refused = expect(opening).rejects.toMatchObject({ code: 'model-invalid' })
  await expect(unlucky.closeServices()).resolves.toBeUndefined()
  await refused
  await platform.close()
})

it('tells of a wrong SENTENCE_ENCODER_DIR when training starts, and has none where none is named', async () => {
  const wrong = await temporaryFolder()
  const services = await openedServices({ SENTENCE_ENCODER_DIR: wrong })
  await expect(startRoles(services, ['train'])).rejects.toMatchObject({
    code: 'model-invalid',
    message: expect.stringContaining(`SENTENCE_ENCODER_DIR=${wrong}`) as string,
  })
  await cp(await writeTinySentenceEncoder(['a']), wrong, { recursive: true })
  await expect(services.sentenceEncoder()).resolves.toMatchObject({ width: TINY_SENTENCE_WIDTH })
  expect(await (await openedServices()).sentenceEncoder()).toBeNull()
})

it('tells of a wrong CLIP_DIR when training starts, and takes both networks from a right one', async () => {
  const wrong = await temporaryFolder()
  const services = await openedServices({ CLIP_DIR: wrong })
  await expect(startRoles(services, ['train'])).rejects.toMatchObject({
    code: 'model-invalid',
    message: expect.stringContaining(`CLIP_DIR=${wrong} is not the folder of a CLIP`) as string,
  })
  await cp(await writeTinyClip(), wrong, { recursive: true })
  const clip = await services.clip()
  expect(await services.backbone()).toBe(clip?.vision)
  expect(await services.sentenceEncoder()).toBe(clip?.texts)
  expect(await backboneCheck(services).run(() => undefined)).toEqual([fact(`${wrong} opens as a CLIP`)])
  expect(await (await openedServices()).clip()).toBeNull()
})

it('opens a MobileNetV3-Small from its published weights, out of a folder of its own', async () => {
  const folder = await temporaryFolder()
  const published = join(folder, 'published')
  await mkdir(published)
  const weights = safetensorsOf(rawTensors(randomParameters(1)))
  const pretrained = { input_size: [3, 32, 32], interpolation: 'bicubic', mean: [0, 0, 0], std: [1, 1, 1] }
  await writeFile(
    join(published, 'config.json'),
    JSON.stringify({ architecture: 'resnet18', pretrained_cfg: pretrained }),
  )
  await writeFile(join(published, 'model.safetensors'), weights)
  const config = loadConfig({}, { DATA_DIR: join(folder, 'data'), BACKBONE_DIR: published, LOG_LEVEL: 'error' })
  const platform = await openPlatform(config, 'own')
  const services = await createServices(
    platform,
    createLogger({ level: 'error' }),
    createMetrics({ processMetrics: false }),
  )
  await expect(services.backbone()).rejects.toMatchObject({
    code: 'model-invalid',
    message: expect.stringContaining('architecture') as string,
  })
  const architecture = 'mobilenetv3_small_100'
  await writeFile(join(published, 'config.json'), JSON.stringify({ architecture, pretrained_cfg: pretrained }))
  await expect(services.backbone()).resolves.toMatchObject({ featureWidth: 1024 })
  expect(dirname(services.backboneFolder)).toBe(join(folder, 'data', 'backbones'))
  expect((await readdir(published)).sort()).toEqual(['config.json', 'model.safetensors'])
  await services.closeServices()
  await platform.close()
})
