import type { Precision } from '../models/pretrained/onnx-file.ts'
import { toPrecision } from '../models/quantise/to-precision.ts'
import type { BothRecalls } from './development-recall.ts'

/** The two files that training makes. */
export type ServedFiles = { readonly imageHead: Uint8Array; readonly textModel: Uint8Array }

export type ChosenPrecision = {
  readonly precision: Precision
  readonly files: ServedFiles
  /** Of these very files. */
  readonly recall: BothRecalls
  /** What it rests on: `export.bits` of a weight, and for each precision that was tried `export.int8_recall_lost`, the most that one of the six lost. */
  readonly metrics: Readonly<Record<string, number>>
}

/** The share by which each of the six recalls may fall. */
const BOUND = 0.005
/** Sums of shares are not exact; a fold has far fewer captions than one in a million. */
const SLACK = 1e-6

const bits: Readonly<Record<Precision, number>> = { fp32: 32, fp16: 16, int8: 8 }

/** What is tried, the wanted one first. */
const attempts: Readonly<Record<Precision, readonly Precision[]>> = {
  int8: ['int8', 'fp16'],
  fp16: ['fp16'],
  fp32: [],
}

const figures = ({ textToImage, imageToText }: BothRecalls): readonly number[] =>
  [textToImage, imageToText].flatMap(({ at1, at5, at10 }) => [at1, at5, at10])

function mostLost(before: BothRecalls, after: BothRecalls): number {
  const left = figures(after)
  return Math.max(...figures(before).map((value, at) => value - (left[at] ?? 0)))
}

/**
 * The files in the wanted precision, where none of the six recalls falls by more than half a point; else in the next better one. Where
 * nothing can be judged, weights stay as they are, since what this would cost is not known.
 */
export async function choosePrecision(
  full: ServedFiles,
  wanted: Precision,
  recallOf: (files: ServedFiles) => Promise<BothRecalls>,
  isJudged: boolean,
): Promise<ChosenPrecision> {
  const before = await recallOf(full)
  const lost: Record<string, number> = {}
  const chosen = (precision: Precision, files: ServedFiles, recall: BothRecalls): ChosenPrecision => ({
    precision,
    files,
    recall,
    metrics: { 'export.bits': bits[precision], ...lost },
  })
  for (const precision of isJudged ? attempts[wanted] : []) {
    const files = {
      imageHead: toPrecision(full.imageHead, precision),
      textModel: toPrecision(full.textModel, precision),
    }
    const recall = await recallOf(files)
    const fall = mostLost(before, recall)
    lost[`export.${precision}_recall_lost`] = fall
    if (fall <= BOUND + SLACK) return chosen(precision, files, recall)
  }
  return chosen('fp32', full, before)
}
