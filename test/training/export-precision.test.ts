import { describe, expect, it } from 'vitest'
import { createGraph } from '../../src/models/onnx/graph.ts'
import { readWeights } from '../../src/models/onnx/read-weights.ts'
import type { BothRecalls } from '../../src/training/development-recall.ts'
import { choosePrecision, type ServedFiles } from '../../src/training/export-precision.ts'

/** A projection of enough numbers to be worth storing in fewer bits. */
function projection(name: string): Uint8Array {
  const graph = createGraph(name)
  const rows = graph.input('rows', 'float32', ['batch', 40])
  const weights = Float32Array.from({ length: 1600 }, (_, i) => Math.sin(i + 1))
  graph.output('out', graph.node('MatMul', [rows, graph.weight('w', weights, [40, 40])]), 'float32', ['batch', 40])
  return graph.encode()
}

const full: ServedFiles = { imageHead: projection('head'), textModel: projection('text') }
const six = { at1: 0.2, at5: 0.5, at10: 0.6 }
const before: BothRecalls = { textToImage: six, imageToText: six }

/** Judges by how large the files are: the smallest are in 8 bits. */
function judge(losses: Readonly<Record<'fp16' | 'int8', number>>) {
  const judged: string[] = []
  const recallOf = async ({ imageHead, textModel }: ServedFiles): Promise<BothRecalls> => {
    const share = (imageHead.length + textModel.length) / (full.imageHead.length + full.textModel.length)
    const precision = share === 1 ? 'fp32' : share > 0.45 ? 'fp16' : 'int8'
    judged.push(precision)
    if (precision === 'fp32') return before
    return { ...before, imageToText: { ...six, at5: six.at5 - losses[precision] } }
  }
  return { judged, recallOf }
}

describe('the precision of an export', () => {
  it('is the wanted one where no recall falls by more than half a point', async () => {
    const { recallOf, judged } = judge({ int8: 0.005, fp16: 0 })
    const { precision, files, recall, metrics } = await choosePrecision(full, 'int8', recallOf, true)
    expect(precision).toBe('int8')
    expect(judged).toEqual(['fp32', 'int8'])
    expect(recall.imageToText.at5).toBeCloseTo(0.495)
    expect(metrics).toEqual({ 'export.bits': 8, 'export.int8_recall_lost': expect.closeTo(0.005, 9) as number })
    expect(files.textModel.length).toBeLessThan(full.textModel.length / 2)
    expect(readWeights(files.textModel).get('w')).not.toEqual(readWeights(full.textModel).get('w'))
  })

  it('is the next better one where a single recall falls further', async () => {
    const { recallOf } = judge({ int8: 0.0051, fp16: 0.001 })
    const { precision, metrics } = await choosePrecision(full, 'int8', recallOf, true)
    expect(precision).toBe('fp16')
    expect(metrics).toMatchObject({ 'export.bits': 16, 'export.int8_recall_lost': expect.closeTo(0.0051, 9) as number })
  })

  it('is float32 where all fall too far, with what it would have cost', async () => {
    const { recallOf, judged } = judge({ int8: 0.02, fp16: 0.01 })
    const { precision, files, recall, metrics } = await choosePrecision(full, 'int8', recallOf, true)
    expect({ precision, files, recall }).toEqual({ precision: 'fp32', files: full, recall: before })
    expect(judged).toEqual(['fp32', 'int8', 'fp16'])
    expect(metrics['export.bits']).toBe(32)
    expect(Object.keys(metrics)).toHaveLength(3)
  })

  it('is never better than asked for, and may gain', async () => {
    expect((await choosePrecision(full, 'fp16', judge({ int8: 0, fp16: -0.1 }).recallOf, true)).precision).toBe('fp16')
    expect((await choosePrecision(full, 'fp32', judge({ int8: 0, fp16: 0 }).recallOf, true)).precision).toBe('fp32')
  })

  it('is float32 where there is nothing to judge by', async () => {
    const { recallOf } = judge({ int8: 0, fp16: 0 })
    expect(await choosePrecision(full, 'int8', recallOf, false)).toMatchObject({
      precision: 'fp32',
      metrics: { 'export.bits': 32 },
    })
  })
})
