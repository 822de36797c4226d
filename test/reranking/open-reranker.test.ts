import { describe, expect, it, onTestFinished } from 'vitest'
import { exportReranker } from '../../src/reranking/reranker-folder.ts'
import { openReranker } from '../../src/reranking/open-reranker.ts'
import { openSentenceEncoder } from '../../src/models/pretrained/sentence-encoder.ts'
import { startJax } from '../../src/training/lowering/trace.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { writeTinySentenceEncoder } from '../models/pretrained/tiny-sentence-encoder.ts'
import { tinyTextModel, writeFiles } from '../models/pretrained/tiny-text-model.ts'
import { wordPiece, writeTokeniser } from '../models/pretrained/tiny-tokenisers.ts'
import { drawnWeights, tinyShape, tinyWords } from './tiny-reranker.ts'

describe('folder of a reranker', () => {
  it('is that of one trained here', async () => {
    await startJax()
    const encoderFolder = await writeTinySentenceEncoder(tinyWords)
    const { id, close } = await openSentenceEncoder(encoderFolder)
    await close()
    const folder = await temporaryFolder()
    await exportReranker(folder, { modelVersion: 'drawn', encoderId: id, shape: tinyShape, weights: drawnWeights(tinyShape), encoderFolder }) // prettier-ignore
    const reranker = await openReranker(folder)
    onTestFinished(() => reranker.close())
    expect(reranker.modelVersion).toBe('drawn')
  })

  it('is that of a cross-encoder', async () => {
    const folder = await temporaryFolder()
    await writeTokeniser(folder, wordPiece)
    await writeFiles(folder, {
      'config.json': { model_type: 'bert', max_position_embeddings: 16 },
      'onnx/model.onnx': tinyTextModel({ width: 1, output: 'logits', pooled: true, segments: true }),
    })
    const reranker = await openReranker(folder)
    onTestFinished(() => reranker.close())
    expect(reranker.modelVersion).toMatch(/^cross-encoder-/)
  })

  it('is refused where it is none', async () => {
    await expect(openReranker(await temporaryFolder())).rejects.toMatchObject({ code: 'model-invalid' })
  })
})
