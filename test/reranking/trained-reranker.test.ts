import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openSentenceEncoder } from '../../src/models/pretrained/sentence-encoder.ts'
import { exportReranker } from '../../src/reranking/reranker-folder.ts'
import { openTrainedReranker } from '../../src/reranking/trained-reranker.ts'
import { startJax } from '../../src/training/lowering/trace.ts'
import { rerankerContract } from '../contracts/reranker-contract.ts'
import { sharedPath } from '../fixtures/shared.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { writeTinySentenceEncoder } from '../models/pretrained/tiny-sentence-encoder.ts'
import { drawnWeights, tinyShape, tinyWords } from './tiny-reranker.ts'

beforeAll(startJax)

/** Over all-MiniLM-L6-v2 where it is at hand. */
async function exported(encoderFolder?: string): Promise<string> {
  const encoder =
    encoderFolder ?? sharedPath('models', 'all-MiniLM-L6-v2') ?? (await writeTinySentenceEncoder(tinyWords))
  const opened = await openSentenceEncoder(encoder)
  const shape = { ...tinyShape, stateWidth: opened.width }
  await opened.close()
  const folder = await temporaryFolder()
  const weights = drawnWeights(shape)
  await exportReranker(folder, { modelVersion: 'drawn', encoderId: opened.id, shape, weights, encoderFolder: encoder })
  return folder
}

async function open(...given: Parameters<typeof openTrainedReranker>) {
  const reranker = await openTrainedReranker(...given)
  onTestFinished(() => reranker.close())
  return reranker
}

describe('reranker that was trained here', () => {
  rerankerContract(async () => {
    const folder = await exported()
    return { reranker: await open(folder), reopen: () => openTrainedReranker(folder) }
  })

  it('gives logits, or their sigmoid', async () => {
    const folder = await exported()
    const documents = ['the dog', 'a cat runs', 'the dog', '']
    const [logits, probabilities] = [
      await (await open(folder)).rank('a dog', documents),
      await (await open(folder, { scale: 'probability' })).rank('a dog', documents),
    ]
    logits.forEach((logit, i) => expect(probabilities[i]).toBeCloseTo(1 / (1 + Math.exp(-logit)), 5))
    expect(logits[2]).toBe(logits[0])
  })

  it('ranks as well on a thread of its own, and many lists at once', async () => {
    const folder = await exported()
    const [here, there] = [await open(folder), await open(folder, { onThread: true })]
    const documents = Array.from({ length: 70 }, (_, i) => tinyWords.slice(i % 9, (i % 9) + 1 + (i % 5)).join(' '))
    const queries = ['a dog runs', 'the red cafe', 'owl']
    const lists = await Promise.all(queries.map((query) => there.rank(query, documents)))
    for (const [i, query] of queries.entries()) {
      const expected = await here.rank(query, documents)
      lists[i]?.forEach((score, place) => expect(score).toBeCloseTo(expected[place] ?? NaN, 4))
    }
  })

  it('ranks by what was read before, where the same encoder has read it', async () => {
    const folder = await exported()
    const alone = await open(folder)
    const encoder = await openSentenceEncoder(join(folder, 'sentence'))
    onTestFinished(() => encoder.close())
    let asked = 0
    const states = (texts: readonly string[]) => {
      asked += texts.length
      return encoder.states(texts)
    }
    const documents = ['the dog', 'a cat runs']
    const expected = await alone.rank('a dog', documents)
    const known = { ...encoder, states }
    const scores = await (await open(folder, { known })).rank('a dog', documents)
    scores.forEach((score, place) => expect(score).toBeCloseTo(expected[place] ?? NaN, 4))
    expect(asked).toBe(3)
    await (await open(folder, { known: { ...known, id: 'another' } })).rank('a dog', documents)
    expect(asked).toBe(3)
  })

  it('refuses a folder of another kind, and an encoder of another width', async () => {
    await expect(openTrainedReranker(await temporaryFolder())).rejects.toMatchObject({ code: 'model-invalid' })
    const folder = await exported(await writeTinySentenceEncoder(tinyWords))
    const path = join(folder, 'config.json')
    const config = JSON.parse(await readFile(path, 'utf8')) as object
    await writeFile(path, JSON.stringify({ ...config, state_width: 7 }))
    const width = { code: 'model-invalid', message: expect.stringContaining('48') as string }
    await expect(openTrainedReranker(folder)).rejects.toMatchObject(width)
    await writeFile(path, JSON.stringify({ ...config, model_type: 'bert', max_tokens: 0 }))
    const fields = { code: 'model-invalid', message: expect.stringMatching('model_type.*max_tokens') as string }
    await expect(openTrainedReranker(folder)).rejects.toMatchObject(fields)
  })
})
