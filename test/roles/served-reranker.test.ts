import { describe, expect, it, onTestFinished } from 'vitest'
import type { RerankerJudged } from '../../src/core/events.ts'
import { openSentenceEncoder } from '../../src/models/pretrained/sentence-encoder.ts'
import { exportReranker } from '../../src/reranking/reranker-folder.ts'
import { createServedReranker } from '../../src/roles/served-reranker.ts'
import { startJax } from '../../src/training/lowering/trace.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { writeTinySentenceEncoder } from '../models/pretrained/tiny-sentence-encoder.ts'
import { drawnWeights, tinyShape, tinyWords } from '../reranking/tiny-reranker.ts'

async function rerankerFolder(modelVersion: string): Promise<string> {
  await startJax()
  const encoderFolder = await writeTinySentenceEncoder(tinyWords)
  const { id, close } = await openSentenceEncoder(encoderFolder)
  await close()
  const folder = await temporaryFolder()
  await exportReranker(folder, { modelVersion, encoderId: id, shape: tinyShape, weights: drawnWeights(tinyShape), encoderFolder }) // prettier-ignore
  return folder
}

/** A served reranker; `promote` says which folder the catalogue's newest promotion is of. */
function served(given: { readonly folder?: string } = {}) {
  let promoted: RerankerJudged | null = null
  const failures: unknown[] = []
  const reranker = createServedReranker({
    folder: given.folder,
    catalogue: { promotedReranker: () => promoted },
    models: { open: async (manifest) => manifest },
    threads: 1,
    onFailed: (error) => failures.push(error),
  })
  onTestFinished(() => reranker.close())
  const promote = (folder: string) => (promoted = { ...topicValues.rerankers, manifest: folder })
  return { ...reranker, promote, failures }
}

describe('served reranker', () => {
  it('is the promoted one, and another from the first search after its promotion', async () => {
    const { rank, promote } = served()
    await expect(rank('dog', ['cat'])).rejects.toMatchObject({ code: 'model-not-found' })
    promote(await rerankerFolder('first'))
    const before = rank('a dog', ['a cat', 'the dog'])
    promote(await rerankerFolder('second'))
    const after = await rank('a dog', ['a cat', 'the dog'])
    expect(after.modelVersion).toBe('second')
    expect(await before).toEqual({ ...after, modelVersion: 'first' })
    expect(after.scores).toHaveLength(2)
  })

  it('goes on where what was promoted after it cannot be opened, and tells of that once', async () => {
    const { rank, promote, failures } = served()
    promote(await rerankerFolder('first'))
    await rank('a dog', ['a cat'])
    promote(await temporaryFolder())
    for (const query of ['a dog', 'a cat']) expect((await rank(query, ['a cat'])).modelVersion).toBe('first')
    expect(failures).toHaveLength(1)
    promote(await rerankerFolder('third'))
    expect((await rank('a dog', ['a cat'])).modelVersion).toBe('third')
  })

  it('is that of the configured folder, whatever was promoted', async () => {
    const { rank, promote } = served({ folder: await rerankerFolder('configured') })
    promote(await temporaryFolder())
    expect((await rank('a dog', ['a cat'])).modelVersion).toBe('configured')
  })

  it('tells once of one that cannot be opened, and gives every search the reason', async () => {
    const { rank, failures, prepare } = served({ folder: await temporaryFolder() })
    await expect(prepare()).rejects.toMatchObject({ message: expect.stringContaining('RERANKER_DIR=') as string })
    for (const query of ['dog', 'cat'])
      await expect(rank(query, ['cat'])).rejects.toMatchObject({ code: 'model-invalid' })
    expect(failures).toHaveLength(1)
  })

  it('refuses more than it can answer in time', async () => {
    const { rank } = served({ folder: await rerankerFolder('configured') })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => rank('a dog', ['a cat'])))
    const refused = outcomes.filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(4)
    expect(refused[0]).toMatchObject({ reason: { code: 'not-ready' } })
    await expect(rank('a dog', ['a cat'])).resolves.toMatchObject({ modelVersion: 'configured' })
  })
})
