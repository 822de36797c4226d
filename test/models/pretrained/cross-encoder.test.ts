import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openCrossEncoder } from '../../../src/models/pretrained/cross-encoder.ts'
import type { Reranker } from '../../../src/ports/reranker.ts'
import { rerankerContract } from '../../contracts/reranker-contract.ts'
import { sharedPath } from '../../fixtures/shared.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { tinyTextModel, writeFiles } from './tiny-text-model.ts'
import { wordPiece, writeTokeniser } from './tiny-tokenisers.ts'

/** A small factor, so that the logits' sigmoid is neither 0 nor 1. */
const FACTOR = 1 / 4096
const oneLogit = { width: 1, output: 'logits', pooled: true, segments: true, factor: FACTOR }

async function folderWith(about: Parameters<typeof tinyTextModel>[0] = oneLogit): Promise<string> {
  const folder = await temporaryFolder()
  await writeTokeniser(folder, wordPiece)
  const config = { model_type: 'bert', max_position_embeddings: 16 }
  await writeFiles(folder, { 'config.json': config, 'onnx/model.onnx': tinyTextModel(about) })
  return folder
}

async function open(folder: string, options?: Parameters<typeof openCrossEncoder>[1]): Promise<Reranker> {
  const reranker = await openCrossEncoder(folder, options)
  onTestFinished(() => reranker.close())
  return reranker
}

/** What the tiny network gives: the sum of ids, eighths of places, and thousands of the second segment. */
const logitOf = (first: readonly number[], second: readonly number[]): number => {
  const ids = [2, ...first, 3, ...second, 3]
  const places = ids.reduce((sum, id, place) => sum + id + place / 8, 0)
  return (places + 1000 * (second.length + 1)) * FACTOR
}

type Reference = { readonly folder: string; readonly pairs: readonly [string, string][]; readonly logits: number[] }

/** The published form of a cross-encoder with PyTorch's logits; where it is not at hand, the tiny one. */
async function reference(): Promise<Reference> {
  const folder = sharedPath('models', 'cross-encoder-tiny-random')
  if (folder !== null) {
    const text = await readFile(join(folder, 'expected.json'), 'utf8')
    return { folder, ...(JSON.parse(text) as Omit<Reference, 'folder'>) }
  }
  const logits = [logitOf([4, 5], [4, 6]), logitOf([4, 5], [10, 12, 6, 7, 8])]
  return { folder: await folderWith(), pairs: [['a dog', 'a cat'], ['a dog', 'the red cat runs']], logits } // prettier-ignore
}

describe('cross-encoder', () => {
  rerankerContract(async () => {
    const { folder } = await reference()
    return { reranker: await open(folder), reopen: () => openCrossEncoder(folder) }
  })

  it('gives the same on a thread of its own', async () => {
    const { folder, pairs } = await reference()
    const [here, there] = [await open(folder), await open(folder, { onThread: true })]
    expect(there.modelVersion).toBe(here.modelVersion)
    for (const [query, document] of pairs)
      expect(await there.rank(query, [document])).toEqual(await here.rank(query, [document]))
  })

  it('gives the logits that the reference libraries give, or their sigmoid', async () => {
    const { folder, pairs, logits } = await reference()
    const byLogit = await open(folder)
    const byProbability = await open(folder, { scale: 'probability' })
    const queries = new Set(pairs.map(([query]) => query))
    for (const query of queries) {
      const own = pairs.flatMap(([first, second], index) => (first === query ? [{ second, logit: logits[index] ?? 0 }] : [])) // prettier-ignore
      const documents = own.map(({ second }) => second)
      const [scores, probabilities] = [await byLogit.rank(query, documents), await byProbability.rank(query, documents)]
      for (const [index, { logit }] of own.entries()) {
        expect(Math.abs((scores[index] ?? NaN) - logit)).toBeLessThan(1e-4)
        expect(probabilities[index]).toBeCloseTo(1 / (1 + Math.exp(-logit)), 4)
      }
    }
    expect(byProbability.modelVersion).not.toBe(byLogit.modelVersion)
  })

  it('cuts a pair at the length of its network, or a shorter one, the longer text first', async () => {
    const folder = await folderWith()
    const document = Array<string>(20).fill('dog').join(' ')
    const [whole] = await (await open(folder)).rank('a cat', [document])
    expect(whole).toBeCloseTo(logitOf([4, 6], Array<number>(11).fill(5)), 6)
    const [short] = await (await open(folder, { maxLength: 9 })).rank('a cat', [document])
    expect(short).toBeCloseTo(logitOf([4, 6], Array<number>(4).fill(5)), 6)
  })

  it('refuses a network of several classes, and one without a row a pair', async () => {
    const classes = await folderWith({ ...oneLogit, width: 3 })
    const refusal = { code: 'model-invalid', message: expect.stringContaining('3 numbers') as string }
    await expect(openCrossEncoder(classes)).rejects.toMatchObject(refusal)
    const states = await folderWith({ output: 'last_hidden_state' })
    await expect(openCrossEncoder(states)).rejects.toMatchObject({ code: 'model-invalid' })
  })
})
