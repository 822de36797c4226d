import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** What every benchmark can be told. */
export type BenchOptions = {
  /** A smoke run: seconds, figures that mean nothing. */
  readonly quick: boolean
  /** One line of JSON instead of tables. */
  readonly json: boolean
  /** Write the figures into `docs/benchmarks.md`. */
  readonly update: boolean
  /** A folder that `pairstream publish` understands; null: scenes that are drawn. */
  readonly dataset: string | null
  /** Null: the small built-in backbone. */
  readonly backbone: string | null
  /** A data folder with a model that serves, of which a copy is measured; null: one is prepared. */
  readonly data: string | null
  readonly threads: number
  readonly seed: number
  /** A Python that has what the benchmark's peer needs. */
  readonly python: string
}

const repository = resolve(import.meta.dirname, '../..')
const shared = resolve(repository, process.env['PAIRSTREAM_SHARED'] ?? '../shared')

/** A folder that was named must be there; the customary one may be missing. */
function folder(given: string | undefined, customary: string): string | null {
  if (given !== undefined && !existsSync(given)) throw new Error(`There is no folder ${given}.`)
  if (given !== undefined) return resolve(given)
  return existsSync(customary) ? customary : null
}

/** Reads the command line. Without the photographs or the backbone beside the checkout, drawn scenes take their place. */
export function readOptions(words: readonly string[] = process.argv.slice(2)): BenchOptions {
  const { values } = parseArgs({
    args: [...words],
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      update: { type: 'boolean', default: false },
      dataset: { type: 'string' },
      backbone: { type: 'string' },
      data: { type: 'string' },
      threads: { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
      python: { type: 'string', default: 'python3' },
    },
  })
  const dataset = folder(values.dataset, resolve(shared, 'flickr8k'))
  const backbone = folder(values.backbone, resolve(shared, 'models/mobilenet-v2-1.0-224'))
  return {
    quick: values.quick,
    json: values.json,
    update: values.update,
    dataset: backbone === null ? null : dataset,
    backbone: dataset === null ? null : backbone,
    data: values.data === undefined ? null : folder(values.data, values.data),
    threads: positive('--threads', values.threads),
    seed: positive('--seed', values.seed),
    python: values.python,
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number above 0.`)
  return value
}
