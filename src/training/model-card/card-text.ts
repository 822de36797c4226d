import type { Precision } from '../../models/pretrained/onnx-file.ts'
import type { TrainingResult } from '../job.ts'
import type { TrainingRecord } from '../starting-point.ts'
import { frontMatter } from './front-matter.ts'
import { frozenText } from './frozen-text.ts'

/** What a model card tells. It names no picture, no caption and no person. */
export type CardFacts = {
  readonly modelVersion: string
  readonly embeddingWidth: number
  readonly precision: Precision
  /** Whether it builds on a CLIP, in place of a backbone. */
  readonly isOnClip: boolean
  /** The kind of the backbone, or of the CLIP, and the licence that its configuration names; null where it names none. */
  readonly backbone: { readonly kind: string | null; readonly licence: string | null }
  readonly training: TrainingRecord
  /** The model whose weights it started from; null where it started from scratch. */
  readonly parent: string | null
  /** Blob key of the list of pairs that it learned from. */
  readonly snapshot: string
  readonly result: Pick<
    TrainingResult,
    'bestEpoch' | 'epochsRun' | 'history' | 'metrics' | 'vocabularySize' | 'temperature'
  >
  /** Sizes of the ONNX files, in bytes, by path. */
  readonly files: Readonly<Record<string, number>>
  /** Python that embeds a text and a picture; null where there is no short one. */
  readonly program: string | null
}

export const CURVE_FILE = 'learning_curve.svg'

const directions = [
  { name: 'text to image', prefix: 'development.recall_at_' },
  { name: 'image to text', prefix: 'development.image_to_text_recall_at_' },
] as const
const limits = [1, 5, 10] as const

const percent = (share: number): string => (share * 100).toFixed(1)
const count = (value: number | undefined): string => (value ?? 0).toLocaleString('en-GB')

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const snapshotName = (snapshot: string): string => /[0-9a-f]{64}/.exec(snapshot)?.[0] ?? snapshot

/** Whether there was anything to measure on. */
const isMeasured = ({ result: { metrics } }: CardFacts): boolean => (metrics['development.images'] ?? 0) > 0

/** What was measured, in the form that the hubs show. */
function evaluation({ modelVersion, snapshot, result: { metrics } }: CardFacts) {
  const recalls = directions.flatMap(({ name, prefix }) =>
    limits.map((limit) => ({
      type: `recall_at_${limit}`,
      name: `Recall@${limit}, ${name}`,
      value: metrics[`${prefix}${limit}`] ?? 0,
    })),
  )
  const task = { type: 'image-text-retrieval', name: 'Retrieval of pictures by text and of texts by picture' }
  const dataset = {
    type: 'private',
    name: `development fold of the snapshot ${snapshotName(snapshot).slice(0, 12)}`,
    split: 'development',
  }
  return {
    metrics: ['recall'],
    'model-index': [{ name: modelVersion, results: [{ task, dataset, metrics: recalls }] }],
  }
}

const front = (facts: CardFacts): string =>
  frontMatter({
    license: 'other',
    license_name: 'see-licence-in-the-card',
    license_link: 'README.md',
    library_name: 'pairstream',
    pipeline_tag: 'feature-extraction',
    tags: ['onnx', 'dual-encoder', 'image-text-retrieval', 'text-to-image-retrieval', 'image-to-text-retrieval'],
    ...(isMeasured(facts) ? evaluation(facts) : {}),
  })

function use(facts: CardFacts): string {
  const { embeddingWidth, program } = facts
  const about = `A dual encoder: pictures and texts become unit vectors of ${embeddingWidth} numbers in one space, and what belongs together lies close (dot product). ${frozenText(facts).about}`
  const served = '`pairstream evaluate --model FOLDER` measures it; Pairstream serves it as it is.'
  if (program === null) return `${about}\n\n${served}`
  const alone = 'Without Pairstream, in Python (`pip install onnxruntime tokenizers pillow`), in this folder:'
  const end =
    '`embed_text("…") @ embed_picture("….jpg")` is their similarity. Resizing differs from library to library in the last digits.'
  return [about, served, alone, `\`\`\`python\n${program}\n\`\`\``, end].join('\n\n')
}

/** Whether anything was learned of the pairs; without adapters a CLIP is taken as it is. */
const isTrained = ({ result: { epochsRun } }: CardFacts): boolean => epochsRun > 0

const data = (facts: CardFacts): string =>
  isTrained(facts) ? learntData(facts) : 'None: nothing was learned here, and no picture or caption was read for it.'

const learntData = ({ snapshot, parent, isOnClip, result: { metrics, vocabularySize } }: CardFacts): string =>
  [
    'Pairs of a picture and a caption, published by whoever ran the training. Pictures belong to one split each, near-duplicates kept together; validation, fresh and test pictures took no part.',
    table(
      ['split', 'pictures', 'captions', 'what for'],
      [
        ['training', count(metrics['training.images']), count(metrics['training.examples']), 'the weights'],
        [
          'development',
          count(metrics['development.images']),
          count(metrics['development.examples']),
          'early stopping, precision, the figures below',
        ],
      ],
    ),
    `Snapshot: \`${snapshotName(snapshot)}\` (SHA-256 of the sorted ids and splits of the pairs).${isOnClip ? '' : ` Vocabulary: ${count(vocabularySize)} entries.`} Started ${parent === null ? 'from scratch' : `from the weights of \`${parent}\``}.`,
  ].join('\n\n')

function procedure(facts: CardFacts): string {
  const { seed, hyperparameters } = facts.training
  const { networks } = frozenText(facts)
  if (!isTrained(facts)) return `None; ${networks}.`
  return [
    `Symmetric InfoNCE with a learned temperature (${facts.result.temperature.toFixed(4)} at the end), AdamW with warm-up and a cosine schedule, averaged weights. Seed ${seed}; ${networks}. The same snapshot, parent and settings give the same weights, bit for bit, on one kind of processor.`,
    table(
      ['hyperparameter', 'value'],
      Object.entries(hyperparameters).map(([name, value]) => [`\`${name}\``, String(value)]),
    ),
  ].join('\n\n')
}

function recallTable({ isOnClip, result: { metrics } }: CardFacts): string {
  const row = (name: string, prefix: string) => [
    name,
    ...limits.map((limit) => percent(metrics[`${prefix}${limit}`] ?? 0)),
  ]
  const own = directions.map(({ name, prefix }) => row(name, prefix))
  const alone = directions.map(({ name, prefix }) =>
    row(`${name}, the CLIP alone`, prefix.replace('development', 'zero_shot')),
  )
  const head = ['', ...limits.map((limit) => `Recall@${limit}`)]
  return table(head, isOnClip ? [...own, ...alone] : own)
}

function figures(facts: CardFacts): string {
  const { history, bestEpoch, epochsRun } = facts.result
  if (!isTrained(facts)) return 'Nothing was measured, so nothing is known of its quality on these pairs.'
  const measured = [
    'In per cent, on the development fold, which also chose the epoch: they flatter the model a little, and say nothing of other data. Image to text counts a picture as found when any of its captions is among the first.',
    recallTable(facts),
  ]
  return [
    ...(isMeasured(facts) ? measured : ['There was no development fold, so nothing is known of its quality.']),
    bestEpoch === 0
      ? `None of ${epochsRun} epochs found more than the CLIP does alone, so it is exported as it is.`
      : `Epoch ${bestEpoch} of ${epochsRun} is the one exported.`,
    `![Loss and development recall by epoch](${CURVE_FILE})`,
    table(
      ['epoch', 'loss', 'Recall@10, text to image'],
      history.map(({ epoch, loss, developmentRecall }) => [String(epoch), loss.toFixed(4), percent(developmentRecall)]),
    ),
  ].join('\n\n')
}

function storage({ precision, files, training, result: { metrics } }: CardFacts): string {
  const { exportPrecision: wanted } = training.hyperparameters
  const tried = (['int8', 'fp16'] as const).flatMap((name) => {
    const lost = metrics[`export.${name}_recall_lost`]
    return lost === undefined
      ? []
      : [`${name} lost at most ${percent(Math.max(0, lost))} points on any of the six recalls`]
  })
  const why = tried.length === 0 ? '' : ` Measured: ${tried.join('; ')} (half a point is allowed).`
  const asked = wanted === precision ? '' : ` ${wanted} was asked for and not kept.`
  return [
    `Weights of the head and the text model are stored as ${precision}; inputs, outputs and all arithmetic are float32.${asked}${why}`,
    table(
      ['file', 'bytes'],
      Object.entries(files).map(([path, bytes]) => [`\`${path}\``, count(bytes)]),
    ),
  ].join('\n\n')
}

function boundaries(facts: CardFacts): string {
  const { texts, mirrors } = frozenText(facts)
  return [
    '- It ranks; it does not describe, count reliably, read writing in pictures, recognise persons or tell true from false.',
    `- ${texts}`,
    '- Captions say what their writers found worth saying, with their habits and prejudices about people; rankings repeat these. Do not use it to decide about persons.',
    '- Pictures unlike those of the training (medical, satellite, drawings where it learned photographs) give rankings that look sure and mean little.',
    '- A vector holds only for this version: vectors of another model cannot be compared with it.',
    `- ${mirrors}`,
  ].join('\n')
}

/** The content of `README.md`: a function of the facts, so that the same training has the same card. */
export const cardText = (facts: CardFacts): string =>
  [
    front(facts),
    `# ${facts.modelVersion}`,
    use(facts),
    '## Data',
    data(facts),
    '## Training',
    procedure(facts),
    '## Figures',
    figures(facts),
    '## Precision',
    storage(facts),
    '## Limits',
    boundaries(facts),
    '## Licence',
    frozenText(facts).licence,
  ].join('\n\n') + '\n'
