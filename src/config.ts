import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { chooseAccess, type AccessChoice, type AccessSettings } from './access-settings.ts'
import { collectionPrefix } from './core/collection-prefix.ts'
import { AppError } from './core/errors.ts'
import { customaryValues } from './customary-variables.ts'
import { chooseDrivers, type DriverChoices, type DriverSettings } from './driver-choices.ts'
import { saslMechanisms } from './kafka-security.ts'
import { requireFittingNetworks } from './network-rules.ts'

export const roles = ['api', 'embed', 'count', 'train', 'release', 'erase'] as const
export type Role = (typeof roles)[number]

/** The towers that a training can be told to use. */
const textTowers = ['bag', 'gru', 'lstm', 'transformer', 'none'] as const

const url = (schemes: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => schemes.some((scheme) => text.startsWith(`${scheme}:`)),
      `must start with ${schemes.join(': or ')}:`,
    )
const text = z.string().min(1)
const whole = (least: number, most = Number.MAX_SAFE_INTEGER) => z.coerce.number().int().min(least).max(most)
/** The origins that a setting names. */
export const originsIn = (text: string): string[] => text.split(',').map((origin) => origin.trim())

/** Whether a text is an origin as browsers send it: neither a path nor a wildcard. */
const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text

const share = z.coerce.number().positive().max(10)
const seconds = z.coerce.number().min(0)

/**
 * Every setting, by the name of its environment variable; the description is what the README's table shows. A relative path is
 * relative to the working directory.
 */
export const settings = z.object({
  DATA_DIR: text.default('.pairstream').describe('Folder of the catalogue, of caches and of the embedded drivers'),
  EVENT_LOG_URL: url(['sqlite', 'kafka'])
    .optional()
    .describe('Event log: `sqlite:PATH` or `kafka://host:9092,host:9092`; default `sqlite:DATA_DIR/log.db`'),
  INDEX_URL: url(['embedded', 'http', 'https'])
    .optional()
    .describe('Vector index: `embedded:FOLDER` or the URL of Qdrant; default `embedded:DATA_DIR/index`'),
  BLOB_URL: url(['file', 's3'])
    .optional()
    .describe('Blob store: `file:FOLDER` or `s3://bucket/prefix`; default `file:DATA_DIR/blobs`'),
  BLOB_ENCRYPTION_KEY: text
    .optional()
    .describe(
      'Key that blobs are encrypted with: 32 bytes in base64; older ones behind it, with commas; default: none',
    ),
  TRACKING_URL: url(['file', 'http', 'https'])
    .optional()
    .describe('Runs and registered models: `file:FOLDER` or the URL of MLflow; default `file:DATA_DIR/tracking`'),
  SCHEMA_REGISTRY_URL: url(['http', 'https'])
    .optional()
    .describe('Confluent-compatible schema registry; with Kafka only'),
  SCHEMA_REGISTRY_USERNAME: text.optional().describe('User of the schema registry'),
  SCHEMA_REGISTRY_PASSWORD: text.optional().describe('Password of the schema registry'),
  KAFKA_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]*$/, 'may have letters, digits, dots, dashes and underscores')
    .default('')
    .describe('What the names of topics and groups begin with'),
  KAFKA_REPLICATION: whole(1, 100).default(3).describe('Replicas of each topic that is made'),
  KAFKA_MIN_IN_SYNC: whole(1, 100).default(2).describe('Replicas that must have a record before it is acknowledged'),
  KAFKA_SESSION_SECONDS: whole(6, 300).default(30).describe('How long a silent consumer keeps its partitions'),
  KAFKA_TLS: z
    .enum(['true', 'false'])
    .default('false')
    .describe('Whether brokers are spoken to over TLS (`NODE_EXTRA_CA_CERTS` adds an authority)'),
  KAFKA_TLS_CA: text
    .optional()
    .describe('PEM file of the authorities that brokers are trusted by; default: those of Node.js'),
  KAFKA_TLS_CERT: text.optional().describe('PEM file of the certificate that is shown to the brokers'),
  KAFKA_TLS_KEY: text.optional().describe('PEM file of its key'),
  KAFKA_SASL_MECHANISM: z
    .enum(saslMechanisms)
    .optional()
    .describe('How the user is proven to the brokers; default `plain`'),
  KAFKA_SASL_USERNAME: text.optional().describe('User of the brokers'),
  KAFKA_SASL_PASSWORD: text.optional().describe('Password of the brokers'),
  QDRANT_API_KEY: text.optional().describe('Key of Qdrant'),
  QDRANT_PREFIX: z
    .string()
    .regex(collectionPrefix.pattern, collectionPrefix.rule)
    .default('')
    .describe('What the names of collections begin with'),
  S3_ENDPOINT: url(['http', 'https']).optional().describe('URL of the S3 service, where it is not that of AWS'),
  S3_REGION: text.optional().describe('Region of the bucket; default `us-east-1`'),
  S3_ACCESS_KEY: text.optional().describe('Access key; default: as the AWS tools find theirs'),
  S3_SECRET_KEY: text.optional().describe('Secret key'),
  MLFLOW_NAME: z
    .string()
    .regex(/^[A-Za-z0-9._-]+$/, 'may have letters, digits, dots, dashes and underscores')
    .default('pairstream')
    .describe('What experiments and the registered model are called in MLflow'),
  MLFLOW_USERNAME: text.optional().describe('User of MLflow'),
  MLFLOW_PASSWORD: text.optional().describe('Password of MLflow'),
  MLFLOW_TOKEN: text.optional().describe('Bearer token of MLflow'),
  PARTITIONS: whole(1, 1_000).default(12).describe('Partitions of `pairs`; fixed once the log exists'),
  BACKBONE_DIR: text.optional().describe('Folder of the image backbone; default: a small built-in one'),
  SENTENCE_ENCODER_DIR: text
    .optional()
    .describe('Folder of a sentence encoder that the text side of models builds on; default: none'),
  TEXT_TOWER: z
    .enum(textTowers)
    .optional()
    .describe('Word tower: `bag` (default), `gru`, `lstm`, `transformer`; `none`: a sentence encoder alone'),
  IMAGE_HEAD: z
    .enum(['linear', 'mlp', 'attention'])
    .optional()
    .describe(
      'Image head: `linear`, `mlp` (default from 8,000 pairs); `attention` to regions, which the backbone shows',
    ),
  IMAGE_REGIONS: whole(1, 14).optional().describe('Regions each way that `attention` looks at, at most; default 3'),
  IMAGE_VIEWS: z
    .enum(['plain', 'mirrored', 'corners'])
    .optional()
    .describe('Views of a picture: `plain`; `mirrored`, too (default); `corners`: these, too (thrice the work)'),
  CLIP_DIR: text
    .optional()
    .describe('Folder of a CLIP, in place of backbone, sentence encoder and words; default: none'),
  CLIP_PRECISION: z
    .enum(['fp32', 'fp16', 'int8'])
    .optional()
    .describe('Which of its ONNX files are taken; default: full precision, else 8 bit, else half'),
  CLIP_ADAPTER_WIDTH: whole(0, 4_096)
    .optional()
    .describe('Hidden units of adapters over a CLIP; 0 serves it as it is; default by the size of the data set'),
  RERANKER_DIR: text
    .optional()
    .describe('Folder of a reranker: a cross-encoder, or one trained here; default: the promoted one, if any'),
  JUDGEMENTS_TOKEN: text.optional().describe('Bearer token of the PostgREST address that judgements are read from'),
  HUB_URL: url(['http', 'https'])
    .default('https://huggingface.co')
    .describe('Model hub, or a mirror of it, that models are pulled from (`HF_ENDPOINT`)'),
  HUB_TOKEN: text.optional().describe('Token of the hub, for models that are not open to all (`HF_TOKEN`)'),
  HUB_OFFLINE: z
    .enum(['true', 'false'])
    .default('false')
    .describe('Whether models are only taken from what was pulled before (`HF_HUB_OFFLINE`)'),
  HUB_MAX_BYTES: whole(1).default(4_000_000_000).describe('Most bytes of all files of a model that is pulled'),
  HOST: text.default('127.0.0.1').describe('Address the API listens on; another needs credentials'),
  PORT: whole(0, 65_535).default(8080).describe('Port the API listens on; 0 takes a free one'),
  REQUIRE_CREDENTIALS: z
    .enum(['true', 'false'])
    .default('false')
    .describe('Whether callers must show a token or key even before there is one'),
  JWT_SECRET: text.optional().describe('Secret that tokens are signed with (HS256), 32 bytes or more'),
  JWT_JWKS_URL: text
    .optional()
    .describe('Address of the public keys that tokens are signed with (RS256, ES256, EdDSA)'),
  JWT_ISSUER: text.optional().describe('Who issues the tokens (`iss`)'),
  JWT_AUDIENCE: text.optional().describe('Whom they are for (`aud`)'),
  JWT_CLOCK_SKEW_SECONDS: whole(0, 600).default(30).describe('How far the clock of the issuer may be off'),
  JWT_ROLES_CLAIM: text.default('roles').describe('Claim that names the roles of the caller'),
  API_KEYS: text
    .optional()
    .describe('Keys beside those of `pairstream keys`: `role:key`, comma-separated; see docs/security.md'),
  TRUSTED_PROXIES: text
    .optional()
    .describe('Addresses or networks of the proxies whose X-Forwarded-For is believed; default: none'),
  RATE_LIMIT_READS: whole(0).default(120_000).describe('Requests a minute of one caller that only read; 0: any number'),
  RATE_LIMIT_CHANGES: whole(0).default(6_000).describe('Requests a minute of one caller that change something'),
  RATE_LIMIT_ADDRESS: whole(0).default(240_000).describe('Requests a minute from one address, whoever calls'),
  RATE_LIMIT_FAILURES: whole(0).default(60).describe('Wrong credentials a minute from one address'),
  MAX_REQUESTS: whole(1, 100_000).default(256).describe('Requests in work at once; four times as many may wait'),
  REQUEST_SECONDS: whole(1, 3_600).default(60).describe('How long a request may take, its body included'),
  CORS_ORIGINS: text
    .refine(
      (origins) => originsIn(origins).every(isOrigin),
      'must be origins such as https://shop.example.com, with commas between',
    )
    .optional()
    .describe('Origins whose pages may use the API from a browser, with commas between; default: its own page alone'),
  FIRST_TRAINING_PAIRS: whole(1).default(1_000).describe('Pairs that the first training waits for'),
  RETRAIN_THRESHOLD: share.default(0.1).describe('Share of new pairs past which a retraining is requested'),
  RETRAIN_SCHEDULE: text.optional().describe('Cron expression that requests a retraining'),
  GATE_MARGIN: share.optional().describe('Least gain in NDCG@10; default 0.005 after a volume request, else 0.01'),
  PROBATION_SECONDS: seconds.default(3_600).describe('How long a new champion is watched'),
  RETIREMENT_SECONDS: seconds.default(3_600).describe('How long a retired generation is kept'),
  BLOB_GRACE_SECONDS: seconds.default(3_600).describe('How long a picture without a pair is kept after its last put'),
  SWEEP_SECONDS: whole(1).default(600).describe('Time between two sweeps for orphans and log maintenance'),
  EMBED_BATCH: whole(1, 1_024).default(128).describe('Records an embedding consumer takes at once'),
  THREADS: whole(1, 256).default(2).describe('Threads of ONNX Runtime for each model'),
  TRAINING_START: z
    .enum(['scratch', 'champion'])
    .default('scratch')
    .describe('Whether a training starts from scratch or from the weights of the champion'),
  TRAINING_SEED: whole(0, 2 ** 31)
    .default(1)
    .describe('Seed of every training'),
  TRAINING_EPOCHS: whole(1, 1_000)
    .optional()
    .describe('Most epochs of a training; default by the size of the data set'),
  EXPORT_PRECISION: z
    .enum(['fp32', 'fp16', 'int8'])
    .default('fp32')
    .describe('How trained weights are stored, unless that costs over half a point of recall'),
  QUERY_LOG: z
    .enum(['on', 'off'])
    .default('on')
    .describe('Whether what is searched for is kept, without personal data, for 90 days'),
  PRIVATE_NAMES: text.optional().describe('File of names, one a line, that are taken out of what is searched for, too'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Least level that is logged'),
})

export type Settings = z.infer<typeof settings>

export type Config = Omit<Settings, Exclude<keyof DriverSettings, 'DATA_DIR'> | keyof AccessSettings> & {
  readonly drivers: DriverChoices
  readonly access: AccessChoice
  readonly cataloguePath: string
  readonly modelFolder: string
  readonly hubFolder: string
  readonly featureFolder: string
  readonly trainingFolder: string
  readonly rerankerFolder: string
  readonly tuningFolder: string
  readonly lockPath: string
}

const CONFIG_FILE = 'PAIRSTREAM_CONFIG'

/** The optional file of settings: a JSON object with the same names as the environment variables, which take precedence. */
function readFile(environment: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const path = environment[CONFIG_FILE]
  if (path === undefined) return {}
  if (!existsSync(path)) throw new AppError('configuration-invalid', `${CONFIG_FILE} names a file that does not exist.`)
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    throw new AppError('configuration-invalid', `The file that ${CONFIG_FILE} names is not a JSON object of settings.`)
  }
}

/**
 * The configuration of the environment; an error names the variable that was set and the rule, never the value. A setting's own name
 * goes before the customary one, wherever it is set.
 */
export function loadConfig(
  environment: Readonly<Record<string, string | undefined>>,
  overrides: Partial<Record<keyof Settings, string | number | undefined>> = {},
): Config {
  const file = readFile(environment)
  const customary = customaryValues(environment)
  const unknown = Object.keys(file).find((name) => !(name in settings.shape))
  if (unknown !== undefined)
    throw new AppError('configuration-invalid', `${unknown} in the configuration file is no setting.`)
  const isGiven = (value: unknown): boolean => value !== undefined && value !== ''
  const underOwnName = (name: string): unknown =>
    [overrides[name as keyof Settings], environment[name], file[name]].find(isGiven)
  const given = Object.fromEntries(
    Object.keys(settings.shape).map((name) => [name, underOwnName(name) ?? customary.get(name)?.value]),
  )
  const variableOf = (name: string): string =>
    isGiven(underOwnName(name)) ? name : (customary.get(name)?.variable ?? name)
  const parsed = settings.safeParse(given)
  if (!parsed.success) {
    const rules = parsed.error.issues.map(({ path, message }) => `${variableOf(path.join('.'))}: ${message}`)
    throw new AppError('configuration-invalid', `Set these variables to something that fits: ${rules.join('; ')}.`)
  }
  requireFittingNetworks(parsed.data)
  const inData = (name: string) => join(parsed.data.DATA_DIR, name)
  return {
    ...parsed.data,
    drivers: chooseDrivers(parsed.data, variableOf),
    access: chooseAccess(parsed.data),
    cataloguePath: inData('catalogue.db'),
    modelFolder: inData('models'),
    hubFolder: inData('hub'),
    featureFolder: inData('features'),
    trainingFolder: inData('training'),
    rerankerFolder: inData('reranker'),
    tuningFolder: inData('tune'),
    lockPath: inData('lock.db'),
  }
}
