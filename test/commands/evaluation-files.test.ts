import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runFiles, writeRuns } from '../../src/commands/evaluation-files.ts'
import { createRandom } from '../../src/core/random.ts'
import { evaluateRetrieval } from '../../src/evaluation/evaluate-retrieval.ts'
import type { Result } from '../../src/evaluation/top-results.ts'
import { measureRun } from '../evaluation/measure-run.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const linesOf = async (path: string): Promise<string[][]> =>
  (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))

/** What trec_eval makes of two files. */
async function measureFiles({ run, qrels }: { run: string; qrels: string }) {
  const results = new Map<string, Result[]>()
  for (const [query = '', , id = '', , score] of await linesOf(run))
    results.set(query, [...(results.get(query) ?? []), { id, score: Number(score) }])
  const judged = new Map<string, Map<string, number>>()
  for (const [query = '', , id = '', grade] of await linesOf(qrels))
    judged.set(query, (judged.get(query) ?? new Map<string, number>()).set(id, Number(grade)))
  return measureRun(results, judged).means
}

it('writes files from which trec_eval takes the figures that are printed, each direction by itself', async () => {
  const random = createRandom(3)
  const vector = () => Float32Array.from({ length: 4 }, () => random.float() - 0.5)
  const images = Array.from({ length: 40 }, (_, index) => ({ id: `i${index}`, vector: vector() }))
  const captions = images.flatMap(({ id }) =>
    Array.from({ length: 5 }, (_, k) => ({ id: `${id}#${k}`, imageId: id, text: '', vector: vector() })),
  )
  const { textToImage, imageToText } = evaluateRetrieval({ images, captions })
  const files = { out: '', ...runFiles(join(await temporaryFolder(), 'model.run')) }
  await writeRuns(files, { images, captions, relevant: new Map(), broken: [] }, { tag: 'm', depth: 1_000 })
  const close = (means: object) =>
    Object.fromEntries(Object.entries(means).map(([name, value]) => [name, expect.closeTo(value as number, 9)]))
  expect(await measureFiles(files.textToImage)).toEqual(close(textToImage.means))
  expect(await measureFiles(files.imageToText)).toEqual(close(imageToText.means))
})

it('names a run and its judgements a direction beside whatever is asked for', () => {
  for (const base of ['out/model', 'out/model.run', 'out/model.trec']) {
    expect(runFiles(base)).toEqual({
      textToImage: { run: 'out/model.t2i.run', qrels: 'out/model.t2i.qrels' },
      imageToText: { run: 'out/model.i2t.run', qrels: 'out/model.i2t.qrels' },
    })
  }
})
