import { AppError } from '../core/errors.ts'
import type { TensorFacts } from './onnx-session.ts'

/**
 * How an output is laid out: `vector` [batch, width], `grid` [batch, channels, height, width] of a convolutional network, `tokens` [batch, tokens,
 * width] of a transformer.
 */
export type OutputLayout = 'vector' | 'grid' | 'tokens'

export type ChosenOutput = {
  readonly name: string
  readonly layout: OutputLayout
  readonly shape: TensorFacts['shape']
}

export type ChosenOutputs = {
  /** What features are read from. */
  readonly features: ChosenOutput
  /** What shows the places of the picture, where there is such an output. */
  readonly map: ChosenOutput | null
}

const layouts: Readonly<Record<number, OutputLayout>> = { 2: 'vector', 3: 'tokens', 4: 'grid' }

/** Scores of the classes it was trained for say less than what they were made of. */
const CLASS_SCORES = 'logits'

/**
 * Chooses among the outputs of a picture network: features that it has pooled itself (`features`, `pooler_output`, or any vector), else its feature
 * map or tokens. Throws `model-invalid` where there is neither.
 */
export function chooseOutputs(outputs: readonly TensorFacts[], path: string): ChosenOutputs {
  const usable = outputs.flatMap(({ name, type, shape }): ChosenOutput[] => {
    const layout = layouts[shape.length]
    return type === 'float32' && layout !== undefined ? [{ name, layout, shape }] : []
  })
  const vectors = usable.filter(({ layout }) => layout === 'vector')
  const named = (list: readonly ChosenOutput[], ...names: string[]): ChosenOutput | undefined =>
    names.map((name) => list.find((output) => output.name === name)).find((output) => output !== undefined)

  const spread = usable.filter((output) => output.layout !== 'vector' && !isPooled(output))
  const map =
    named(spread, 'feature_map', 'last_hidden_state') ??
    spread.find(({ layout }) => layout === 'grid') ??
    spread[0] ??
    null
  const features =
    named(vectors, 'features') ??
    named(usable, 'pooler_output') ??
    vectors.find(({ name }) => name !== CLASS_SCORES) ??
    map ??
    usable.find(isPooled) ??
    vectors[0]
  if (features !== undefined) return { features, map }
  const found = outputs.map(({ name, type, shape }) => `${name}: ${type} [${shape.join(', ')}]`).join('; ')
  throw new AppError(
    'model-invalid',
    `${path} must have a float32 output [batch, width], [batch, tokens, width] or [batch, channels, height, width], and has ${found}.`,
  )
}

/** Convolutional networks as published often keep the axes that they have pooled. */
const isPooled = ({ name, shape }: ChosenOutput): boolean =>
  name === 'pooler_output' || (shape.length === 4 && shape[2] === 1 && shape[3] === 1)
