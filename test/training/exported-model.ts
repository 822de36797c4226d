import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createGraph } from '../../src/models/onnx/graph.ts'
import { assembleModelFolder } from '../../src/models/model-folder.ts'
import type { Precision } from '../../src/models/pretrained/onnx-file.ts'
import { writeModelCard, type CardSources } from '../../src/training/model-card/write-model-card.ts'
import { trainModel } from '../../src/training/train.ts'
import { FEATURE_WIDTH, smallJob } from './small-job.ts'

/** Edge of the pictures that the backbone takes. */
export const SIDE = 8

/** Where a small model attends to regions, 8 features of the whole picture are followed by those of 2 x 2 regions. */
const REGIONS = { rows: 2, columns: 2, width: 4 }

/** A backbone that was never trained, as wide as the features of small jobs. */
async function writeBackbone(folder: string, hasRegions: boolean): Promise<void> {
  const graph = createGraph('backbone')
  const pixels = graph.input('pixels', 'float32', ['batch', 3, SIDE, SIDE])
  const drawn = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898 + 1))
  const width = hasRegions ? FEATURE_WIDTH - 16 : FEATURE_WIDTH
  const flat = graph.node('Flatten', [pixels])
  const weights = graph.weight('w', drawn(3 * SIDE * SIDE * width), [3 * SIDE * SIDE, width])
  graph.output('features', graph.node('MatMul', [flat, weights]), 'float32', ['batch', width])
  if (hasRegions) {
    const filters = graph.weight('filters', drawn(4 * 3 * 4), [4, 3, 2, 2])
    const map = graph.node('Conv', [pixels, filters], { kernel_shape: [2, 2], dilations: [3, 3] })
    graph.output('feature_map', map, 'float32', ['batch', 4, SIDE - 3, SIDE - 3])
  }
  const preprocessor = { size: { height: SIDE, width: SIDE }, resample: 3 }
  await mkdir(join(folder, 'onnx'), { recursive: true })
  await writeFile(join(folder, 'onnx', 'model.onnx'), graph.encode())
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(preprocessor))
  await writeFile(join(folder, 'config.json'), JSON.stringify({ model_type: 'untrained', license: 'apache-2.0' }))
}

/** Trains a small model that reads bigrams, and completes its folder, card and all. */
export async function exportSmallModel(
  folder: string,
  exportPrecision: Precision = 'fp32',
  imageHead: 'linear' | 'attention' = 'linear',
): Promise<{ readonly folder: string; readonly sources: CardSources }> {
  const widths = { embeddingWidth: 64, wordWidth: 64, bigramBuckets: 40 }
  const job = await smallJob(folder, { maximumEpochs: 8, exportPrecision, imageHead, ...widths })
  const hasRegions = imageHead === 'attention'
  const result = await trainModel({ ...job, regions: hasRegions ? REGIONS : null }, () => undefined)
  const backbone = join(folder, 'backbone')
  await writeBackbone(backbone, hasRegions)
  await assembleModelFolder(job.outputFolder, backbone)
  const training = {
    seed: job.seed,
    backbone: '0123456789abcdef',
    sentenceEncoder: null,
    hyperparameters: job.hyperparameters,
  }
  const sources = { training, parent: null, snapshot: `snapshots/${'5a'.repeat(32)}`, result }
  await writeModelCard(job.outputFolder, sources)
  return { folder: job.outputFolder, sources }
}
