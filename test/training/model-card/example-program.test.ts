import { describe, expect, it } from 'vitest'
import { exampleProgram } from '../../../src/training/model-card/example-program.ts'

const facts = {
  configuration: { max_length: 24, views: ['plain' as const] },
  preprocessing: {
    resize: { shortestEdge: 256 },
    kernel: 'linear',
    crop: { width: 224, height: 224 },
    scale: [1, 2, 3],
    offset: [0, -1, -2],
  },
  features: { name: 'pooler_output', layout: 'vector', shape: ['batch', 8] },
  regions: null,
} as const

// That the program computes what the model does is tested with Python, among the suites over real servers.
describe('the program in a model’s card', () => {
  it('crops where the model crops, and takes the views that it takes', () => {
    const program = exampleProgram(facts) ?? ''
    expect(program).toContain('side * 256 // min(picture.size)')
    expect(program).toContain('whole.crop((left, top, left + 224, top + 224))')
    expect(program).toContain('Image.Resampling.BILINEAR')
    expect(program).toContain('        pixels(whole),\n    ]))')
    expect(program).toContain('backbone.run(["pooler_output"]')
    expect(program).not.toContain('regions')
  })

  it('cuts corners out of the larger picture, mirrored where the view is', () => {
    const views = ['plain', 'flipped', 'top_right_flipped'] as const
    const program = exampleProgram({ ...facts, configuration: { max_length: 24, views } }) ?? ''
    expect(program).toContain('side * 256 // min(picture.size) * 5 // 4')
    expect(program).toContain('near.crop((left, top, left + 280, top + 280))')
    expect(program).toContain('        pixels(whole)[:, :, ::-1],')
    expect(program).toContain('        pixels(near.crop((56, 0, 280, 224)))[:, :, ::-1],')
  })

  it('puts the regions of mirrored views back, and leaves those of tokens', () => {
    const map = { name: 'feature_map', layout: 'grid', shape: ['batch', 8, 7, 7] } as const
    const configuration = { max_length: 24, views: ['plain', 'flipped'] as const }
    const program = exampleProgram({ ...facts, configuration, regions: { rows: 3, columns: 2, map } }) ?? ''
    expect(program).toContain('maps[[1]] = maps[[1], :, :, ::-1]')
    expect(program).toContain('span(row, 3, maps.shape[2]), span(column, 2, maps.shape[3])')
    expect(program).toContain('backbone.run(["feature_map"], feeds)')
    const tokens = { name: 'x', layout: 'tokens', shape: ['batch', 50, 8] } as const
    expect(exampleProgram({ ...facts, regions: { rows: 3, columns: 3, map: tokens } })).toBeNull()
  })

  it('takes the mean of a grid, and leaves tokens to those who know how to pool them', () => {
    const grid = { name: 'feature_map', layout: 'grid', shape: ['batch', 8, 7, 7] } as const
    expect(exampleProgram({ ...facts, features: grid })).toContain('[0].mean((2, 3))')
    expect(exampleProgram({ ...facts, features: { name: 'x', layout: 'tokens', shape: ['batch', 50, 8] } })).toBeNull()
  })
})
