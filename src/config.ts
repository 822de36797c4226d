import { existsSync, readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { AppError } from './core/errors.ts'

export const roles = ['api', 'embed', 'count', 'train', 'release', 'erase'] as const
export type Role = (typeof roles)[number]

const url = (schemes: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => schemes.some((scheme) => text.startsWith(`${scheme}:`)),
      `must start with ${schemes.join(': or ')}:`,
    )
const whole = (least: number, most = Number.MAX_SAFE_INTEGER) => z.coerce.number().int().min(least).max(most)
const share = z.coerce.number().positive().max(10)
const seconds = z.coerce.number().min(0)

/**
 * Every setting, by the name of its environment variable; the description is what the README's table shows. A relative path is
 * relative to the working directory.
 */
export const settings = z.object({
  DATA_DIR: z.string().min(1).default('.pairstream').describe('Folder of the embedded drivers'),
  EVENT_LOG_URL: url(['sqlite']).optional().describe('Event log; default `sqlite:DATA_DIR/log.db`'),
  INDEX_URL: url(['embedded']).optional().describe('Vector index; default `embedded:DATA_DIR/index`'),
  BLOB_URL: url(['file']).optional().describe('Blob store; default `file:DATA_DIR/blobs`'),
  TRACKING_URL: url(['file']).optional().describe('Runs and registered models; default `file:DATA_DIR/tracking`'),
  PARTITIONS: whole(1, 1_000).default(12).describe('Partitions of `pairs`; fixed once the log exists'),
  BACKBONE_DIR: z.string().min(1).optional().describe('Folder of the image backbone; default: a small built-in one'),
  HOST: z.string().min(1).default('127.0.0.1').describe('Address the API listens on'),
  PORT: whole(0, 65_535).default(8080).describe('Port the API listens on; 0 takes a free one'),
  FIRST_TRAINING_PAIRS: whole(1).default(1_000).describe('Pairs that the first training waits for'),
  RETRAIN_THRESHOLD: share.default(0.1).describe('Share of new pairs past which a retraining is requested'),
  RETRAIN_SCHEDULE: z.string().min(1).optional().describe('Cron expression that requests a retraining'),
  GATE_MARGIN: share.optional().describe('Least gain in NDCG@10; default 0.005 after a volume request, else 0.01'),
  PROBATION_SECONDS: seconds.default(3_600).describe('How long a new champion is watched'),
  RETIREMENT_SECONDS: seconds.default(3_600).describe('How long a retired generation is kept'),
  BLOB_GRACE_SECONDS: seconds.default(3_600).describe('How long a picture without a pair is kept after its last put'),
  SWEEP_SECONDS: whole(1).default(600).describe('Time between two sweeps for orphans and log maintenance'),
  EMBED_BATCH: whole(1, 1_024).default(128).describe('Records an embedding consumer takes at once'),
  THREADS: whole(1, 256).default(2).describe('Threads of ONNX Runtime for each model'),
  TRAINING_SEED: whole(0, 2 ** 31)
    .default(1)
    .describe('Seed of every training'),
  TRAINING_EPOCHS: whole(1, 1_000)
    .optional()
    .describe('Most epochs of a training; default by the size of the data set'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Least level that is logged'),
})

export type Settings = z.infer<typeof settings>

export type Config = Omit<Settings, 'EVENT_LOG_URL' | 'INDEX_URL' | 'BLOB_URL' | 'TRACKING_URL'> & {
  readonly logPath: string
  readonly cataloguePath: string
  readonly indexFolder: string
  readonly blobFolder: string
  readonly trackingFolder: string
  readonly modelFolder: string
  readonly featureFolder: string
  readonly trainingFolder: string
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

/** The configuration of the environment; an error names the variable and the rule, never the value. */
export function loadConfig(
  environment: Readonly<Record<string, string | undefined>>,
  overrides: Partial<Record<keyof Settings, string | number | undefined>> = {},
): Config {
  const file = readFile(environment)
  const unknown = Object.keys(file).find((name) => !(name in settings.shape))
  if (unknown !== undefined)
    throw new AppError('configuration-invalid', `${unknown} in the configuration file is no setting.`)
  const given = Object.fromEntries(
    Object.keys(settings.shape).map((name) => {
      const value = overrides[name as keyof Settings] ?? environment[name] ?? file[name]
      return [name, value === '' ? undefined : value]
    }),
  )
  const parsed = settings.safeParse(given)
  if (!parsed.success) {
    const rules = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw new AppError('configuration-invalid', `Set these variables to something that fits: ${rules.join('; ')}.`)
  }
  const { EVENT_LOG_URL, INDEX_URL, BLOB_URL, TRACKING_URL, ...rest } = parsed.data
  const inData = (name: string) => join(rest.DATA_DIR, name)
  return {
    ...rest,
    logPath: pathOf(EVENT_LOG_URL) ?? inData('log.db'),
    indexFolder: pathOf(INDEX_URL) ?? inData('index'),
    blobFolder: pathOf(BLOB_URL) ?? inData('blobs'),
    trackingFolder: pathOf(TRACKING_URL) ?? inData('tracking'),
    cataloguePath: inData('catalogue.db'),
    modelFolder: inData('models'),
    featureFolder: inData('features'),
    trainingFolder: inData('training'),
    lockPath: inData('lock.db'),
  }
}

/** `sqlite:data/log.db`, `sqlite:/data/log.db` and `sqlite:///data/log.db` all name a path. */
function pathOf(text: string | undefined): string | null {
  if (text === undefined) return null
  const path = text.slice(text.indexOf(':') + 1)
  return isAbsolute(path) ? path.replace(/^\/\/(?=\/)/, '') : path
}
