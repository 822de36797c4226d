import { mkdtemp, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { captionedFolder, drawPictures } from './picture-folder.ts'
import type { Ended, Environment } from './run-cli.ts'
import { runHere } from './run-here.ts'

const json = ({ stdout }: Ended): unknown => JSON.parse(stdout)

type Hits = { hits: { rank: number; score: number; file: string }[]; broken: { name: string; code: string }[] }
type Direction = { queries: number; documents: number; recallAt10: number; medianRank: number }
type Figures = { model: string; images: number; captions: number; textToImage: Direction; imageToText: Direction }

/** Flickr8k as it was released, with pictures of our own: eight for validation, and no list for test. */
async function flickrFolder(folder: string, pictures: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await symlink(pictures, join(folder, 'Images'))
  const drawn = await drawPictures(join(folder, 'unused'), 24)
  const lines = drawn.flatMap(({ name, captions }) => captions.map((caption, index) => `${name}#${index}\t${caption}`))
  await writeFile(join(folder, 'Flickr8k.token.txt'), `${lines.join('\n')}\n`)
  const names = drawn.map(({ name }) => name)
  await writeFile(join(folder, 'Flickr_8k.trainImages.txt'), names.slice(0, 16).join('\n'))
  await writeFile(join(folder, 'Flickr_8k.devImages.txt'), names.slice(16).join('\n'))
}

/** One model through its life, in the order in which a person would go. */
describe('a model on the command line', { timeout: 60_000 }, () => {
  let root: string
  let environment: Environment
  const at = (name: string) => join(root, name)
  const run = (...words: string[]): Promise<Ended> => runHere(words, environment)

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'pairstream-'))
    environment = { DATA_DIR: at('data'), TRAINING_EPOCHS: '2', THREADS: '1' }
    await captionedFolder(at('pictures'), 24)
    await drawPictures(at('bare'), 6)
    await writeFile(join(at('bare'), 'letter.jpg'), 'dear reader')
    await flickrFolder(at('flickr'), at('pictures'))
    await run('publish', at('pictures'))
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  it('is trained by hand where nobody serves, and decided on', async () => {
    const { status, stdout, stderr } = await run('train', '--wait', '--json', '--by', 'ada')
    expect(stderr).toContain('✓ training')
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: 'promoted',
      generation: expect.stringMatching(/^g1-/) as string,
    })
    expect(status).toBe(0)
  })

  it('is listed, shown and searched with', async () => {
    const [model] = json(await run('models', 'list', '--json')) as { modelVersion: string }[]
    expect(model).toMatchObject({ champion: true, outcome: 'promoted', ordinal: 1 })
    const { stdout } = await run('models', 'show', 'champion')
    expect(stdout).toContain(`${model?.modelVersion ?? '?'} (champion)`)
    expect(stdout).toMatch(/promoted \(g1-[0-9a-f]{8}\): The first model is accepted/)
    expect(stdout).toMatch(/onnx\/text_model\.onnx/)
    const found = await run('search', 'a purple field', '--top-k', '3')
    expect(found.stdout).toMatch(/^ {3}1 +-?\d\.\d{4} +(?:\d\.\d{3} +)?folder:picture-/m)
    const state = json(await run('status', '--json'))
    expect(state).toMatchObject({ model: model?.modelVersion, running: false })
  })

  it('cannot be taken back or found under another name', async () => {
    const reverted = await run('models', 'revert')
    expect(reverted.stderr).toMatch(/nothing to go back to.*\[release-refused\]/)
    expect(reverted.status).toBe(1)
    const unknown = await run('models', 'show', 'm-0000000000')
    expect(unknown.stderr).toMatch(/\[model-not-found\]/)
    expect(unknown.status).toBe(2)
  })

  describe('exported', () => {
    beforeAll(async () => {
      expect(await run('models', 'export', 'champion', at('model'))).toMatchObject({ status: 0 })
    })

    it('goes into a new folder only', async () => {
      const { status, stderr } = await run('models', 'export', 'champion', at('model'))
      expect(stderr).toContain('is not empty')
      expect(status).toBe(2)
    })

    it("is measured on a data set's own split, without a data folder", async () => {
      const files = ['--out', at('figures.json'), '--run', at('model.run')]
      const words = ['evaluate', '--model', at('model'), '--dataset', at('flickr'), '--split', 'val', ...files]
      const { status, stdout } = await runHere(words, { DATA_DIR: at('nowhere') })
      expect(stdout).toMatch(/text to picture +\d+\.\d % +\d+\.\d % +100\.0 %/)
      expect(status).toBe(0)
      expect(await readdir(root)).not.toContain('nowhere')

      const figures = JSON.parse(await readFile(at('figures.json'), 'utf8')) as Figures
      expect(figures).toMatchObject({
        images: 8,
        captions: 16,
        textToImage: { queries: 16, documents: 8 },
        imageToText: { queries: 8, documents: 16 },
      })
      const lines = async (name: string) => (await readFile(at(name), 'utf8')).trimEnd().split('\n')
      const run = await lines('model.t2i.run')
      expect(run).toHaveLength(16 * 8)
      expect(run[0]).toMatch(/^picture-016\.jpg#0 Q0 picture-0\d\d\.jpg 1 \S+ m-[0-9a-f]{10}$/)
      expect((await lines('model.t2i.qrels'))[0]).toBe('picture-016.jpg#0 0 picture-016.jpg 1')
      expect(await lines('model.i2t.run')).toHaveLength(8 * 16)
      expect(await lines('model.i2t.qrels')).toHaveLength(16)
    })

    it('is measured on what is published', async () => {
      const files = ['--out', at('published.json'), '--run', at('published.run')]
      const figures = json(await run('evaluate', '--split', 'train', '--json', ...files)) as Figures
      expect(figures.captions).toBe(2 * figures.images)
    })

    it.each([
      ['test', /Flickr_8k\.testImages\.txt is missing/],
      ['fresh', /Flickr8k has no split fresh/],
    ])('the split %s of Flickr8k that nobody lists is named', async (split, reason) => {
      const { status, stderr } = await run(
        'evaluate',
        '--model',
        at('model'),
        '--dataset',
        at('flickr'),
        '--split',
        split,
      )
      expect(stderr).toMatch(reason)
      expect(status).toBe(2)
    })

    it('searches a folder without captions, skipping what is broken', async () => {
      const options = ['--query', 'a purple field', '--top_k', '2', '--model', at('model'), '--json']
      const { status, stdout } = await runHere(['demo', '--images_dir', at('bare'), ...options], {
        DATA_DIR: at('nowhere'),
      })
      const { hits, broken } = JSON.parse(stdout) as Hits
      expect(hits.map(({ rank }) => rank)).toEqual([1, 2])
      expect(hits[0]?.score).toBeGreaterThanOrEqual(hits[1]?.score ?? 1)
      expect(broken).toMatchObject([{ name: 'letter.jpg', code: 'image-type-refused' }])
      expect(status).toBe(0)
    })

    it('is told apart from a folder that is not there, not a model, or damaged', async () => {
      const evaluate = (model: string) => run('evaluate', '--model', model, '--dataset', at('flickr'), '--split', 'val')
      const absent = await evaluate(at('absent'))
      expect(absent.stderr).toMatch(/There is no folder .*absent.*\[model-not-found\]/)
      expect(absent.status).toBe(2)
      const pictures = await evaluate(at('bare'))
      expect(pictures.stderr).toMatch(/config\.json is missing.*\[model-invalid\]/)
      expect(pictures.status).toBe(2)
      await truncate(join(at('model'), 'onnx', 'text_model.onnx'), 1_000)
      const damaged = await evaluate(at('model'))
      expect(damaged.stderr).toMatch(/text_model\.onnx cannot be loaded.*\[model-corrupt\]/)
      expect(damaged.stderr.trimEnd().split('\n')).toHaveLength(1)
      expect(damaged.status).toBe(1)
    })
  })

  it('is trained on the captions of a folder that is searched where there is none, and found there again', async () => {
    const words = ['demo', '--images', at('pictures'), '--query', 'a purple field', '--data', at('no-demo'), '--json']
    const elsewhere = { ...environment, DATA_DIR: at('own') }
    const first = await runHere(words, elsewhere)
    expect(first.stderr).toContain('training one on the captions')
    expect((json(first) as Hits).hits).toHaveLength(5)
    const second = await runHere(words, elsewhere)
    expect(second.stderr).not.toContain('training')
    expect(json(second)).toEqual(json(first))
  })

  it('is missed where there are neither captions nor a model', async () => {
    const words = ['demo', '--images', at('bare'), '--query', 'purple', '--data', at('no-demo')]
    const { status, stderr } = await runHere(words, { DATA_DIR: at('nowhere') })
    expect(stderr).toMatch(/--model DIR .* captions beside the pictures/)
    expect(status).toBe(3)
  })
})
