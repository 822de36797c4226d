import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import type { TokeniserJson } from './tokeniser-json.ts'

/** Ids with the segment that each belongs to: 0, or 1 in the second text of a pair where the model tells them apart. */
export type Encoding = { readonly ids: readonly number[]; readonly segments: readonly number[] }

/** How the ids of one text or two are framed by special tokens such as `[CLS]` and `[SEP]`. */
export type SpecialTokens = {
  readonly frame: (texts: readonly (readonly number[])[]) => Encoding
  /** Special tokens around one text, and around a pair. */
  readonly aroundOne: number
  readonly aroundPair: number
}

type Piece =
  { readonly text: 0 | 1; readonly segment: number } | { readonly ids: readonly number[]; readonly segment: number }

const segment = z.number().int().nonnegative().default(0)
const pieces = z.array(
  z.union([
    z.object({ SpecialToken: z.object({ id: z.string(), type_id: segment }) }),
    z.object({ Sequence: z.object({ id: z.enum(['A', 'B']), type_id: segment }) }),
  ]),
)
const template = z.object({
  single: pieces,
  pair: pieces,
  special_tokens: z.record(z.string(), z.object({ ids: z.array(z.number().int().nonnegative()) })),
})
const marker = z.tuple([z.string(), z.number().int().nonnegative()])
const markers = z.object({ cls: marker, sep: marker })

type Frames = { readonly single: readonly Piece[]; readonly pair: readonly Piece[] }

/** What stands around texts by `post_processor` of `tokenizer.json`. Throws `model-invalid` where it is of no known type. */
export function specialTokensOf(processor: TokeniserJson['post_processor']): SpecialTokens {
  const frames = framesOf(processor)
  const around = (frame: readonly Piece[]): number =>
    frame.reduce((count, piece) => count + ('ids' in piece ? piece.ids.length : 0), 0)
  return {
    aroundOne: around(frames.single),
    aroundPair: around(frames.pair),
    frame(texts) {
      const frame = texts.length === 1 ? frames.single : frames.pair
      const parts = frame.map((piece) => ({
        ids: 'ids' in piece ? piece.ids : (texts[piece.text] ?? []),
        segment: piece.segment,
      }))
      return {
        ids: parts.flatMap(({ ids }) => ids),
        segments: parts.flatMap((part) => part.ids.map(() => part.segment)),
      }
    },
  }
}

const plain: Frames = {
  single: [{ text: 0, segment: 0 }],
  pair: [
    { text: 0, segment: 0 },
    { text: 1, segment: 0 },
  ],
}

function framesOf(processor: TokeniserJson['post_processor']): Frames {
  if (processor === null) return plain
  switch (processor.type) {
    case 'ByteLevel': // concerns offsets only
      return plain
    case 'Sequence': {
      const framing = (processor.processors ?? []).filter(({ type }) => type !== 'ByteLevel')
      if (framing.length > 1) throw unknown('a sequence of several')
      return framesOf(framing[0] ?? null)
    }
    case 'TemplateProcessing':
      return templateFrames(processor)
    case 'BertProcessing':
      return markerFrames(processor, 1, 1)
    case 'RobertaProcessing':
      return markerFrames(processor, 2, 0)
    default:
      throw unknown(processor.type)
  }
}

function templateFrames(processor: unknown): Frames {
  const read = template.safeParse(processor)
  if (!read.success) throw unknown('a template that lacks parts')
  const { single, pair, special_tokens: known } = read.data
  const piecesOf = (list: z.infer<typeof pieces>): Piece[] =>
    list.map((piece) => {
      if ('Sequence' in piece) return { text: piece.Sequence.id === 'A' ? 0 : 1, segment: piece.Sequence.type_id }
      const ids = known[piece.SpecialToken.id]?.ids
      if (ids === undefined) throw unknown(`a template with ${piece.SpecialToken.id}, which it does not define`)
      return { ids, segment: piece.SpecialToken.type_id }
    })
  return { single: piecesOf(single), pair: piecesOf(pair) }
}

/** `[CLS] A [SEP] B [SEP]`, with one or two separators in the middle, and the segment of what follows the middle. */
function markerFrames(processor: unknown, separators: 1 | 2, second: 0 | 1): Frames {
  const read = markers.safeParse(processor)
  if (!read.success) throw unknown('one without cls and sep')
  const start: Piece = { ids: [read.data.cls[1]], segment: 0 }
  const end = (count: number, at: number): Piece => ({ ids: Array<number>(count).fill(read.data.sep[1]), segment: at })
  const [a, b] = [
    { text: 0, segment: 0 },
    { text: 1, segment: second },
  ] as const
  return { single: [start, a, end(1, 0)], pair: [start, a, end(separators, 0), b, end(1, second)] }
}

const unknown = (what: string): AppError =>
  new AppError(
    'model-invalid',
    `The post_processor of tokenizer.json is ${what}; template, BERT, RoBERTa and byte-level ones are known.`,
  )
