import { describe, expect, it } from 'vitest'
import { hubRepositoryOf } from '../../../src/models/pretrained/open-clip-names.ts'

describe('names of open_clip', () => {
  it.each([
    ['ViT-B-32/openai', 'Xenova/clip-vit-base-patch32'],
    ['ViT-B-32-quickgelu/openai', 'Xenova/clip-vit-base-patch32'],
    ['ViT-B/32', 'Xenova/clip-vit-base-patch32'],
    ['ViT-L/14@336px', 'Xenova/clip-vit-large-patch14-336'],
    ['ViT-B-16/laion2b_s34b_b88k', 'laion/CLIP-ViT-B-16-laion2B-s34B-b88K'],
    ['hf-hub:laion/CLIP-ViT-H-14-laion2B-s32B-b79K', 'laion/CLIP-ViT-H-14-laion2B-s32B-b79K'],
    ['openai/clip-vit-base-patch32', 'openai/clip-vit-base-patch32'],
    ['somebody/ViT-finetuned', 'somebody/ViT-finetuned'],
  ])('%s is %s', (name, repository) => {
    expect(hubRepositoryOf(name)).toBe(repository)
  })

  it.each(['ViT-B-32/made_up', 'ViT-B-32', 'RN50/openai', '', 'a/b/c', '../etc', 'hf-hub:', 'constructor'])(
    'refuses "%s" and says what is known',
    (name) => {
      const refusal = { code: 'model-not-found', message: expect.stringContaining('ViT-B-32/openai') as string }
      expect(() => hubRepositoryOf(name)).toThrow(expect.objectContaining(refusal) as Error)
    },
  )
})
