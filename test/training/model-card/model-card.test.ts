import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { checkModelFolder, listModelFiles } from '../../../src/models/model-folder.ts'
import { writeModelCard } from '../../../src/training/model-card/write-model-card.ts'
import { readExamples } from '../../../src/training/training-data.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { exportSmallModel } from '../exported-model.ts'

type Front = {
  readonly 'model-index': readonly [
    { readonly name: string; readonly results: readonly [{ readonly metrics: readonly { readonly value: number }[] }] },
  ]
}

const cardOf = (folder: string) => readFile(join(folder, 'README.md'), 'utf8')
const frontOf = (card: string): unknown => parse(card.split('---\n')[1] ?? '')

describe('the card of a model', () => {
  it('begins with what the hubs read, the figures of the exported files among it', async () => {
    const { folder, sources } = await exportSmallModel(await temporaryFolder())
    const front = frontOf(await cardOf(folder)) as Front
    expect(front).toMatchObject({
      license: 'other',
      library_name: 'pairstream',
      pipeline_tag: 'feature-extraction',
      'model-index': [{ name: 'm-test' }],
    })
    const { metrics } = sources.result
    expect(front['model-index'][0].results[0].metrics.map(({ value }) => value)).toEqual(
      ['', 'image_to_text_'].flatMap((way) =>
        [1, 5, 10].map((limit) => metrics[`development.${way}recall_at_${limit}`]),
      ),
    )
  })

  it('tells counts, snapshot, settings, epochs, sizes and the licence, and no caption', async () => {
    const place = await temporaryFolder()
    const { folder, sources } = await exportSmallModel(place)
    const card = await cardOf(folder)
    expect(card).toContain('| training | 180 | 360 |')
    expect(card).toContain('| development | 20 | 40 |')
    expect(card).toContain('5a'.repeat(32))
    expect(card).toContain('| `learningRate` | 0.004 |')
    expect(card).toContain('| `onnx/text_model.onnx` | ')
    expect(card).toContain('(`apache-2.0`, as its configuration says)')
    expect(card.match(/^\| \d+ \| \d\.\d{4} \| \d+\.\d \|$/gm)).toHaveLength(sources.result.epochsRun)
    for (const heading of ['Data', 'Training', 'Figures', 'Precision', 'Limits', 'Licence']) {
      expect(card).toContain(`## ${heading}\n`)
    }
    for await (const { caption } of readExamples(join(place, 'job'))) expect(card).not.toContain(caption)
  })

  it('shows the learning curve, a point an epoch, the exported one marked', async () => {
    const { folder, sources } = await exportSmallModel(await temporaryFolder())
    expect(await cardOf(folder)).toContain('](learning_curve.svg)')
    const drawing = await readFile(join(folder, 'learning_curve.svg'), 'utf8')
    const paths = [...drawing.matchAll(/<path d="([^"]+)"/g)].map(([, path = '']) => path.split('L').length)
    expect(paths).toEqual([sources.result.epochsRun, sources.result.epochsRun])
    expect(drawing.match(/<circle/g)).toHaveLength(2)
    expect(drawing).not.toContain('NaN')
  })

  it('is the same for the same training', async () => {
    const cards = []
    for (const place of [await temporaryFolder(), await temporaryFolder()]) {
      const { folder } = await exportSmallModel(place, 'int8')
      cards.push([await cardOf(folder), await readFile(join(folder, 'learning_curve.svg'), 'utf8')])
    }
    expect(cards[0]).toEqual(cards[1])
    expect(cards[0]?.[0]).toMatch(/stored as int8; .* Measured: int8 lost at most \d\.\d points/)
  })

  it('says which precision was not kept', async () => {
    const { folder, sources } = await exportSmallModel(await temporaryFolder())
    const { training, result } = sources
    const hyperparameters = { ...training.hyperparameters, exportPrecision: 'int8' as const }
    const metrics = { ...result.metrics, 'export.int8_recall_lost': 0.02, 'export.fp16_recall_lost': 0.01 }
    await writeModelCard(folder, {
      ...sources,
      training: { ...training, hyperparameters },
      result: { ...result, metrics },
    })
    expect(await cardOf(folder)).toContain(
      'int8 was asked for and not kept. Measured: int8 lost at most 2.0 points on any of the six recalls; fp16 lost at most 1.0 points',
    )
  })

  it('claims nothing where nothing could be measured', async () => {
    const { folder, sources } = await exportSmallModel(await temporaryFolder())
    const metrics = { ...sources.result.metrics, 'development.images': 0 }
    await writeModelCard(folder, { ...sources, result: { ...sources.result, metrics } })
    const card = await cardOf(folder)
    expect(frontOf(card)).not.toHaveProperty('model-index')
    expect(card).toContain('nothing is known of its quality')
    expect(card).not.toContain('| text to image |')
  })

  it('belongs to what is stored of a model, and a folder without it is complete', async () => {
    const { folder } = await exportSmallModel(await temporaryFolder())
    expect(await listModelFiles(folder)).toEqual(expect.arrayContaining(['README.md', 'learning_curve.svg']))
    await rm(join(folder, 'README.md'))
    await checkModelFolder(folder)
  })
})
