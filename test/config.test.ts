import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig, originsIn } from '../src/config.ts'
import { AppError } from '../src/core/errors.ts'
import { temporaryFolder } from './fixtures/temporary-folder.ts'

const failure = (environment: Record<string, string>): AppError => {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('the configuration was accepted')
}

const SERVERS = {
  EVENT_LOG_URL: 'kafka://one:9092, two:9093',
  SCHEMA_REGISTRY_URL: 'http://registry:8081',
  INDEX_URL: 'http://qdrant:6333',
  BLOB_URL: 's3://pictures/a/b/',
  TRACKING_URL: 'http://mlflow:5000',
}

describe('the servers in the configuration', () => {
  it('are chosen by URL', () => {
    const { drivers } = loadConfig({ ...SERVERS, KAFKA_TLS: 'true', S3_ENDPOINT: 'http://minio:9000' })
    expect(drivers).toMatchObject({
      eventLog: {
        kind: 'kafka',
        brokers: ['one:9092', 'two:9093'],
        tls: true,
        sasl: undefined,
        replication: { factor: 3, minimumInSync: 2 },
        registry: { url: 'http://registry:8081' },
      },
      index: { kind: 'qdrant', url: 'http://qdrant:6333' },
      blobs: { kind: 's3', bucket: 'pictures', prefix: 'a/b', endpoint: 'http://minio:9000' },
      tracking: { kind: 'mlflow', url: 'http://mlflow:5000' },
    })
  })

  it('can be named as other programs name them, a setting’s own name going before', () => {
    const { drivers } = loadConfig({
      KAFKA_BROKERS: 'one:9092',
      SCHEMA_REGISTRY_URL: 'http://registry:8081',
      MINIO_ENDPOINT: 'minio:9000',
      MINIO_ACCESS_KEY: 'key',
      MINIO_SECRET_KEY: 'secret',
      MINIO_BUCKET: 'pictures',
      MLFLOW_TRACKING_URI: 'http://mlflow:5000',
      TRACKING_URL: 'file:runs',
    })
    expect(drivers.eventLog).toMatchObject({ kind: 'kafka', brokers: ['one:9092'] })
    expect(drivers.blobs).toMatchObject({
      bucket: 'pictures',
      endpoint: 'http://minio:9000',
      accessKeyId: 'key',
      secretAccessKey: 'secret',
    })
    expect(drivers.tracking).toEqual({ kind: 'files', folder: 'runs' })
  })

  it('gives a setting’s own name precedence also where it is in the file', async () => {
    const path = join(await temporaryFolder(), 'settings.json')
    await writeFile(path, '{ "EVENT_LOG_URL": "sqlite:own.db" }')
    const { drivers } = loadConfig({ PAIRSTREAM_CONFIG: path, KAFKA_BROKERS: 'one:9092' })
    expect(drivers.eventLog).toEqual({ kind: 'sqlite', path: 'own.db' })
  })

  it.each([
    ['MLFLOW_TRACKING_URI', { TRACKING_URL: '', MLFLOW_TRACKING_URI: 'hidden' }],
    ['KAFKA_BROKERS', { EVENT_LOG_URL: '', KAFKA_BROKERS: 'hidden' }],
    ['MINIO_BUCKET', { BLOB_URL: '', MINIO_BUCKET: '/hidden' }],
    ['MINIO_ENDPOINT', { MINIO_BUCKET: 'pictures', MINIO_ENDPOINT: 'ftp://hidden' }],
    ['MINIO_ENDPOINT', { BLOB_URL: '', MINIO_ENDPOINT: 'hidden:9000' }],
    ['MINIO_SECRET_KEY', { BLOB_URL: '', MINIO_SECRET_KEY: 'hidden' }],
    ['S3_ACCESS_KEY', { BLOB_URL: '', S3_ACCESS_KEY: 'hidden', MINIO_ACCESS_KEY: 'other' }],
  ])('says %s where that is what was set', (name, changes) => {
    const { code, message } = failure({ ...SERVERS, ...changes })
    expect([code, message]).toEqual(['configuration-invalid', expect.stringContaining(`${name}: `)])
    expect(message).not.toContain('hidden')
  })

  it('takes a folder for blobs although a server is named, where the folder is too', () => {
    const blobs = (environment: Record<string, string>) => loadConfig(environment).drivers.blobs
    expect(blobs({ BLOB_URL: 'file:shared', S3_ENDPOINT: 'http://minio:9000' })).toMatchObject({ isDefault: false })
    expect(blobs({})).toMatchObject({ isDefault: true })
  })

  it.each([
    ['SCHEMA_REGISTRY_URL', { SCHEMA_REGISTRY_URL: '' }],
    ['EVENT_LOG_URL', { EVENT_LOG_URL: 'kafka://user:hidden@one:9092' }],
    ['EVENT_LOG_URL', { EVENT_LOG_URL: 'kafka://one' }],
    ['KAFKA_SASL_PASSWORD', { KAFKA_SASL_USERNAME: 'hidden' }],
    ['KAFKA_SASL_USERNAME', { KAFKA_SASL_PASSWORD: 'hidden' }],
    ['BLOB_URL', { BLOB_URL: 's3:///' }],
    ['KAFKA_PREFIX', { KAFKA_PREFIX: 'hidden prefix' }],
    ['QDRANT_PREFIX', { QDRANT_PREFIX: 'hidden.app' }],
    ['QDRANT_PREFIX', { QDRANT_PREFIX: 'images_hidden' }],
    ['TEXT_TOWER', { TEXT_TOWER: 'hidden' }],
    ['TEXT_TOWER', { TEXT_TOWER: 'none' }],
    ['IMAGE_HEAD', { IMAGE_HEAD: 'hidden' }],
    ['IMAGE_HEAD', { IMAGE_HEAD: 'attention' }],
    ['IMAGE_HEAD', { IMAGE_HEAD: 'attention', BACKBONE_DIR: 'hidden', IMAGE_VIEWS: 'corners' }],
    ['IMAGE_REGIONS', { IMAGE_HEAD: 'attention', BACKBONE_DIR: 'hidden', IMAGE_REGIONS: '0' }],
    ['IMAGE_REGIONS', { IMAGE_HEAD: 'mlp', IMAGE_REGIONS: '3' }],
    ['CLIP_DIR', { CLIP_DIR: 'hidden', IMAGE_HEAD: 'mlp' }],
    ['CLIP_DIR', { CLIP_DIR: 'hidden', BACKBONE_DIR: 'hidden' }],
    ['CLIP_DIR', { CLIP_DIR: 'hidden', TEXT_TOWER: 'bag' }],
    ['CLIP_DIR', { CLIP_DIR: 'hidden', IMAGE_VIEWS: 'corners' }],
    ['CLIP_DIR', { CLIP_DIR: 'hidden', SENTENCE_ENCODER_DIR: 'hidden', TEXT_TOWER: 'none' }],
    ['CLIP_PRECISION', { CLIP_DIR: 'folder', CLIP_PRECISION: 'hidden' }],
    ['CLIP_PRECISION', { CLIP_PRECISION: 'fp16' }],
    ['CLIP_ADAPTER_WIDTH', { CLIP_ADAPTER_WIDTH: '0' }],
    ['CLIP_ADAPTER_WIDTH', { CLIP_DIR: 'folder', CLIP_ADAPTER_WIDTH: '-1' }],
  ])('names %s where it does not go together with the others', (name, changes) => {
    const { code, message } = failure({ ...SERVERS, ...changes })
    expect([code, message]).toEqual(['configuration-invalid', expect.stringContaining(`${name}: `)])
    expect(message).not.toContain('hidden')
  })
})

describe('the configuration', () => {
  it('needs nothing: everything lies in the data folder', () => {
    const config = loadConfig({})
    expect(config).toMatchObject({ DATA_DIR: '.pairstream', PORT: 8080, HOST: '127.0.0.1', RETRAIN_THRESHOLD: 0.1 })
    expect(config.drivers.eventLog).toEqual({ kind: 'sqlite', path: join('.pairstream', 'log.db') })
    expect(loadConfig({ DATA_DIR: '/data' }).drivers).toMatchObject({
      index: { kind: 'embedded', folder: '/data/index' },
      blobs: { kind: 'files', folder: '/data/blobs' },
      tracking: { kind: 'files', folder: '/data/tracking' },
    })
  })

  it('takes an override before the environment, and an empty variable for none', () => {
    expect(loadConfig({ PORT: '9000' }, { PORT: 9001 }).PORT).toBe(9001)
    expect(loadConfig({ PORT: '9000' }, { PORT: undefined }).PORT).toBe(9000)
    expect(loadConfig({ PORT: '' }).PORT).toBe(8080)
  })

  it.each([
    ['sqlite:logs/log.db', 'logs/log.db'],
    ['sqlite:/logs/log.db', '/logs/log.db'],
    ['sqlite:///logs/log.db', '/logs/log.db'],
  ])('reads the path of %s', (url, path) => {
    expect(loadConfig({ EVENT_LOG_URL: url }).drivers.eventLog).toEqual({ kind: 'sqlite', path })
  })

  it.each([
    ['PORT', 'seventy'],
    ['PORT', '65536'],
    ['PARTITIONS', '0'],
    ['RETRAIN_THRESHOLD', '-0.1'],
    ['EVENT_LOG_URL', 'secret://user:password@host'],
    ['LOG_LEVEL', 'loudest'],
  ])('names %s and the rule, never the value %s', (name, value) => {
    const error = failure({ [name]: value })
    expect(error.code).toBe('configuration-invalid')
    expect(error.message).toContain(`${name}: `)
    expect(error.message).not.toContain(value)
  })

  it('names every variable at fault at once', () => {
    expect(failure({ PORT: 'a', THREADS: 'b' }).message).toMatch(/PORT: .*; THREADS: /)
  })

  describe('with a file', () => {
    let folder: string
    const path = () => join(folder, 'settings.json')
    const write = (text: string) => writeFile(path(), text)

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'pairstream-'))
    })
    afterAll(() => rm(folder, { recursive: true, force: true }))

    it('takes its settings where the environment has none', async () => {
      await write('{ "PORT": 9000, "THREADS": 4 }')
      expect(loadConfig({ PAIRSTREAM_CONFIG: path(), PORT: '9001' })).toMatchObject({ PORT: 9001, THREADS: 4 })
    })

    it.each([
      ['{ "PROT": 9000 }', /PROT in the configuration file is no setting/],
      ['PORT=9000', /not a JSON object/],
      ['[1]', /not a JSON object/],
      ['{ "PORT": "secret" }', /PORT: /],
    ])('refuses %s', async (text, reason) => {
      await write(text)
      const { code, message } = failure({ PAIRSTREAM_CONFIG: path() })
      expect(code).toBe('configuration-invalid')
      expect(message).toMatch(reason)
      expect(message).not.toContain('secret')
    })

    it('refuses a file that is not there', () => {
      expect(failure({ PAIRSTREAM_CONFIG: `${folder}/absent.json` }).message).toContain('does not exist')
    })
  })
})

describe('the origins of pages that may use the API', () => {
  it('are origins, with commas between', () => {
    const { CORS_ORIGINS = '' } = loadConfig({ CORS_ORIGINS: 'https://shop.example.com, http://127.0.0.1:3000' })
    expect(originsIn(CORS_ORIGINS)).toEqual(['https://shop.example.com', 'http://127.0.0.1:3000'])
    expect(loadConfig({}).CORS_ORIGINS).toBeUndefined()
    for (const wrong of ['*', 'shop.example.com', 'https://shop.example.com/', 'https://a.example.com,'])
      expect(failure({ CORS_ORIGINS: wrong })).toMatchObject({ code: 'configuration-invalid' })
  })
})
