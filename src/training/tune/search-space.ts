import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { MOST_BUCKETS } from '../definitions/bigrams.ts'
import type { Hyperparameters } from '../hyperparameters.ts'

type NumberRule = { readonly least: number; readonly most: number; readonly whole?: true }
type NameRule = { readonly names: readonly string[] }

/** What can be searched, and within which bounds. Epochs are not among it: they are what a search spends. */
const rules = {
  learningRate: { least: 1e-6, most: 1 },
  weightDecay: { least: 0, most: 10 },
  warmUp: { least: 0, most: 1 },
  maximumGradientNorm: { least: 1e-3, most: 1e3 },
  averageDecay: { least: 0, most: 0.9999 },
  featureDropout: { least: 0, most: 0.95 },
  wordDropout: { least: 0, most: 0.95 },
  sentenceDropout: { least: 0, most: 0.95 },
  batchSize: { least: 2, most: 8_192, whole: true },
  imageHead: { names: ['linear', 'mlp', 'attention'] },
  imageHidden: { least: 1, most: 4_096, whole: true },
  embeddingWidth: { least: 8, most: 4_096, whole: true },
  wordTower: { names: ['bag', 'gru', 'lstm', 'transformer', 'none'] },
  wordWidth: { least: 8, most: 4_096, whole: true },
  bigramBuckets: { least: 0, most: MOST_BUCKETS, whole: true },
  hiddenWidth: { least: 8, most: 4_096, whole: true },
  adapterWidth: { least: 1, most: 4_096, whole: true },
  layers: { least: 1, most: 12, whole: true },
  heads: { least: 1, most: 32, whole: true },
  minimumWordCount: { least: 1, most: 1_000, whole: true },
  maximumVocabulary: { least: 10, most: 1_000_000, whole: true },
  maxLength: { least: 1, most: 128, whole: true },
} as const satisfies Partial<Record<keyof Hyperparameters, NumberRule | NameRule>>

export type Searchable = keyof typeof rules
export const searchable = Object.keys(rules) as readonly Searchable[]

const isSearchable = (name: string): name is Searchable => Object.hasOwn(rules, name)

/** What trials draw a hyperparameter from, each choice or each part of the range as often as another. */
export type Dimension =
  | { readonly choices: readonly (number | string)[] }
  | { readonly from: number; readonly to: number; readonly scale: 'linear' | 'logarithmic' }

export type SearchSpace = Readonly<Partial<Record<Searchable, Dimension>>>
export type SearchedValues = Readonly<Partial<Pick<Hyperparameters, Searchable>>>

/** Whether numbers of this hyperparameter are whole. */
export const isWhole = (name: Searchable): boolean => 'whole' in rules[name]

function numberSchema({ least, most, whole }: NumberRule) {
  const error = `must be a ${whole === true ? 'whole ' : ''}number from ${least} to ${most}`
  const bounded = z.number({ error }).min(least, error).max(most, error)
  return whole === true ? bounded.int(error) : bounded
}

const valueSchema = (rule: NumberRule | NameRule) => ('names' in rule ? z.enum(rule.names) : numberSchema(rule))

function dimensionSchema(rule: NumberRule | NameRule, hasChoices: boolean) {
  if (hasChoices || 'names' in rule)
    return z.strictObject({ choices: z.array(valueSchema(rule)).min(1, 'must name a choice') })
  const number = numberSchema(rule)
  return z
    .strictObject({ from: number, to: number, scale: z.enum(['linear', 'logarithmic']).default('linear') })
    .refine(({ from, to }) => from < to, { path: ['to'], error: 'must be more than "from"' })
    .refine(({ from, scale }) => scale === 'linear' || from > 0, {
      path: ['from'],
      error: 'must be more than 0 on a logarithmic scale',
    })
}

const refused = (detail: string) => new AppError('invalid-request', `The search space: ${detail}.`)

function parseDimension(name: string, given: unknown): readonly [Searchable, Dimension] {
  if (!isSearchable(name)) throw refused(`${name} cannot be searched; ${searchable.join(', ')} can`)
  const hasChoices = typeof given === 'object' && given !== null && 'choices' in given
  const { success, data, error } = dimensionSchema(rules[name], hasChoices).safeParse(given)
  if (success) return [name, data]
  const { path, message } = error.issues[0] ?? { path: [], message: 'it cannot be read' }
  throw refused(`${[name, ...path].join('.')}: ${message}`)
}

/**
 * Reads a search space, `{"learningRate": {"from": 1e-4, "to": 1e-2, "scale": "logarithmic"}, "batchSize": {"choices": [128, 256]}}`;
 * names are those of hyperparameters. Throws `invalid-request` with the field at fault.
 */
export function parseSearchSpace(given: unknown): SearchSpace {
  const { success, data } = z.record(z.string(), z.unknown()).safeParse(given)
  if (!success || Object.keys(data).length === 0) throw refused('it is an object with a member a hyperparameter')
  return ordered(Object.fromEntries(Object.entries(data).map(([name, dimension]) => parseDimension(name, dimension))))
}

/** Members in the order of the table, so that trials do not depend on how a file was written. */
const ordered = (space: SearchSpace): SearchSpace =>
  Object.fromEntries(searchable.flatMap((name) => (space[name] === undefined ? [] : [[name, space[name]]])))

const valuesSchema = z.strictObject(
  Object.fromEntries(searchable.map((name) => [name, valueSchema(rules[name]).optional()])),
)

/** Before image heads had names, a hidden layer of no width meant none. */
function withHead(given: unknown): unknown {
  const { success, data } = z.looseObject({ imageHidden: z.number() }).safeParse(given)
  if (!success || data['imageHead'] !== undefined) return given
  const { imageHidden, ...others } = data
  return imageHidden === 0 ? { ...others, imageHead: 'linear' } : { ...data, imageHead: 'mlp' }
}

/** Reads values of hyperparameters that can be searched; null where one is none or out of bounds. */
export function parseSearchedValues(given: unknown): SearchedValues | null {
  const { success, data } = valuesSchema.safeParse(withHead(given))
  return success ? data : null
}

/** The values of the hyperparameters that can be searched. */
export const searchedValuesOf = (hyperparameters: Hyperparameters): SearchedValues =>
  Object.fromEntries(searchable.map((name) => [name, hyperparameters[name]]))

/** Of what can be searched, what adapters over a CLIP have a use for. */
export const searchableOnClip: readonly Searchable[] = [
  'learningRate',
  'weightDecay',
  'warmUp',
  'maximumGradientNorm',
  'averageDecay',
  'featureDropout',
  'sentenceDropout',
  'batchSize',
  'adapterWidth',
]

const onClip = { adapterWidth: { choices: [128, 256, 512] } }
const onNetworks = {
  wordDropout: { from: 0, to: 0.3 },
  embeddingWidth: { choices: [256, 512] },
  wordWidth: { choices: [256, 512] },
}

/**
 * Where nothing else is given: what has made a difference on the data sets here, around what trains now. Other word towers take many
 * times as long as a bag of words, so they are searched only where somebody asks for it.
 */
export function defaultSearchSpace(
  { learningRate, batchSize, averageDecay }: Hyperparameters,
  { hasSentences, isOnClip = false }: { readonly hasSentences: boolean; readonly isOnClip?: boolean },
): SearchSpace {
  const distinct = (values: readonly number[]) => ({ choices: [...new Set(values)].sort((a, b) => a - b) })
  return parseSearchSpace({
    learningRate: { from: learningRate / 4, to: Math.min(learningRate * 4, 1), scale: 'logarithmic' },
    weightDecay: { from: 0.01, to: 1, scale: 'logarithmic' },
    averageDecay: distinct([0.95, 0.98, 0.993, 0.997, averageDecay]),
    featureDropout: { from: 0, to: isOnClip ? 0.3 : 0.7 },
    ...(hasSentences ? { sentenceDropout: { from: 0, to: 0.3 } } : {}),
    batchSize: distinct([Math.max(2, Math.round(batchSize / 2)), batchSize, Math.min(8_192, batchSize * 2)]),
    ...(isOnClip ? onClip : onNetworks),
  })
}
