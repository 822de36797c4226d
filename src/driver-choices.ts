import { isAbsolute, join } from 'node:path'
import { AppError } from './core/errors.ts'
import { chooseKafkaSecurity, type KafkaSecurity, type KafkaSecuritySettings } from './kafka-security.ts'

/** Which driver stands behind each port, and what it is told; read from the settings. */
export type DriverChoices = {
  readonly eventLog: { readonly kind: 'sqlite'; readonly path: string } | KafkaChoice
  readonly index: { readonly kind: 'embedded'; readonly folder: string } | QdrantChoice
  readonly blobs: (FilesChoice | S3Choice) & Encryption
  readonly tracking: { readonly kind: 'files'; readonly folder: string } | MlflowChoice
}

type KafkaChoice = KafkaSecurity & {
  readonly kind: 'kafka'
  readonly brokers: readonly string[]
  readonly prefix: string
  readonly replication: { readonly factor: number; readonly minimumInSync: number }
  readonly sessionTimeout: number
  readonly registry: {
    readonly url: string
    readonly username?: string | undefined
    readonly password?: string | undefined
  }
}
type QdrantChoice = {
  readonly kind: 'qdrant'
  readonly url: string
  readonly apiKey?: string | undefined
  readonly prefix: string
}
/** `isDefault`: nobody named the folder, so that it is this data folder's own and no other process looks there. */
type FilesChoice = { readonly kind: 'files'; readonly folder: string; readonly isDefault: boolean }
type S3Choice = {
  readonly kind: 's3'
  readonly bucket: string
  readonly prefix: string
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly accessKeyId?: string | undefined
  readonly secretAccessKey?: string | undefined
}
/** The newest first; none encrypts nothing. */
type Encryption = { readonly encryptionKeys: readonly string[] }
type MlflowChoice = {
  readonly kind: 'mlflow'
  readonly url: string
  readonly name: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly token?: string | undefined
}

/** The settings that choose drivers, as validated. */
export type DriverSettings = KafkaSecuritySettings & {
  readonly DATA_DIR: string
  readonly EVENT_LOG_URL?: string | undefined
  readonly KAFKA_PREFIX: string
  readonly KAFKA_REPLICATION: number
  readonly KAFKA_MIN_IN_SYNC: number
  readonly KAFKA_SESSION_SECONDS: number
  readonly SCHEMA_REGISTRY_URL?: string | undefined
  readonly BLOB_ENCRYPTION_KEY?: string | undefined
  readonly SCHEMA_REGISTRY_USERNAME?: string | undefined
  readonly SCHEMA_REGISTRY_PASSWORD?: string | undefined
  readonly INDEX_URL?: string | undefined
  readonly QDRANT_API_KEY?: string | undefined
  readonly QDRANT_PREFIX: string
  readonly BLOB_URL?: string | undefined
  readonly S3_ENDPOINT?: string | undefined
  readonly S3_REGION?: string | undefined
  readonly S3_ACCESS_KEY?: string | undefined
  readonly S3_SECRET_KEY?: string | undefined
  readonly TRACKING_URL?: string | undefined
  readonly MLFLOW_NAME: string
  readonly MLFLOW_USERNAME?: string | undefined
  readonly MLFLOW_PASSWORD?: string | undefined
  readonly MLFLOW_TOKEN?: string | undefined
}

/** The variable that gave a setting its value: people look for what they set. */
type VariableOf = (setting: keyof DriverSettings) => string

/** Throws `configuration-invalid` where settings do not go together; values are never told. */
export function chooseDrivers(settings: DriverSettings, variableOf: VariableOf): DriverChoices {
  return {
    eventLog: chooseEventLog(settings, variableOf),
    index: chooseIndex(settings),
    blobs: { ...chooseBlobs(settings, variableOf), encryptionKeys: keysOf(settings) },
    tracking: chooseTracking(settings),
  }
}

function chooseEventLog(settings: DriverSettings, variableOf: VariableOf): DriverChoices['eventLog'] {
  const { EVENT_LOG_URL: url } = settings
  if (url?.startsWith('kafka:') !== true) {
    return { kind: 'sqlite', path: pathOf(url) ?? join(settings.DATA_DIR, 'log.db') }
  }
  const brokers = afterScheme(url)
    .replace(/^\/\//, '')
    .split(',')
    .map((broker) => broker.trim())
  if (brokers.some((broker) => !/^[^/@\s]+:\d+$/.test(broker))) {
    const variable = variableOf('EVENT_LOG_URL')
    const scheme = variable === 'EVENT_LOG_URL' ? 'kafka://' : ''
    throw invalid(variable, `name the brokers as ${scheme}host:9092,host:9092, without user or path`)
  }
  const registryUrl = settings.SCHEMA_REGISTRY_URL
  if (registryUrl === undefined) throw invalid('SCHEMA_REGISTRY_URL', 'Kafka needs a schema registry; give its URL')
  return {
    kind: 'kafka',
    brokers,
    prefix: settings.KAFKA_PREFIX,
    replication: { factor: settings.KAFKA_REPLICATION, minimumInSync: settings.KAFKA_MIN_IN_SYNC },
    sessionTimeout: settings.KAFKA_SESSION_SECONDS * 1_000,
    ...chooseKafkaSecurity(settings),
    registry: {
      url: registryUrl,
      username: settings.SCHEMA_REGISTRY_USERNAME,
      password: settings.SCHEMA_REGISTRY_PASSWORD,
    },
  }
}

function chooseIndex({ INDEX_URL, DATA_DIR, QDRANT_API_KEY, QDRANT_PREFIX }: DriverSettings): DriverChoices['index'] {
  if (!isHttp(INDEX_URL)) return { kind: 'embedded', folder: pathOf(INDEX_URL) ?? join(DATA_DIR, 'index') }
  return { kind: 'qdrant', url: INDEX_URL, apiKey: QDRANT_API_KEY, prefix: QDRANT_PREFIX }
}

const keysOf = ({ BLOB_ENCRYPTION_KEY: keys }: DriverSettings): readonly string[] =>
  keys?.split(',').map((key) => key.trim()) ?? []

function chooseBlobs(settings: DriverSettings, variableOf: VariableOf): FilesChoice | S3Choice {
  const { BLOB_URL: url } = settings
  if (url === undefined) {
    const used = (['S3_ENDPOINT', 'S3_ACCESS_KEY', 'S3_SECRET_KEY'] as const).find(
      (name) => settings[name] !== undefined,
    )
    if (used !== undefined)
      throw invalid(
        variableOf(used),
        'it is set and there is no bucket; name one too, by BLOB_URL=s3://bucket or MINIO_BUCKET',
      )
  }
  if (url?.startsWith('s3:') !== true) {
    return { kind: 'files', folder: pathOf(url) ?? join(settings.DATA_DIR, 'blobs'), isDefault: url === undefined }
  }
  const [bucket = '', ...prefix] = afterScheme(url).replace(/^\/\//, '').split('/')
  if (bucket === '') throw invalid(variableOf('BLOB_URL'), 'name the bucket as s3://bucket or s3://bucket/prefix')
  return {
    kind: 's3',
    bucket,
    prefix: prefix.filter((part) => part !== '').join('/'),
    endpoint: settings.S3_ENDPOINT,
    region: settings.S3_REGION,
    accessKeyId: settings.S3_ACCESS_KEY,
    secretAccessKey: settings.S3_SECRET_KEY,
  }
}

function chooseTracking(settings: DriverSettings): DriverChoices['tracking'] {
  const { TRACKING_URL: url } = settings
  if (!isHttp(url)) return { kind: 'files', folder: pathOf(url) ?? join(settings.DATA_DIR, 'tracking') }
  return {
    kind: 'mlflow',
    url,
    name: settings.MLFLOW_NAME,
    username: settings.MLFLOW_USERNAME,
    password: settings.MLFLOW_PASSWORD,
    token: settings.MLFLOW_TOKEN,
  }
}

const isHttp = (url: string | undefined): url is string => url !== undefined && /^https?:/.test(url)

const afterScheme = (url: string): string => url.slice(url.indexOf(':') + 1)

/** `sqlite:data/log.db`, `sqlite:/data/log.db` and `sqlite:///data/log.db` all name a path. */
function pathOf(url: string | undefined): string | null {
  if (url === undefined) return null
  const path = afterScheme(url)
  return isAbsolute(path) ? path.replace(/^\/\/(?=\/)/, '') : path
}

const invalid = (name: string, rule: string): AppError => new AppError('configuration-invalid', `${name}: ${rule}.`)
