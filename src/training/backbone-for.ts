import type { Backbone } from '../models/backbone.ts'
import type { Hyperparameters } from './hyperparameters.ts'

/** The backbone as a training reads pictures by it: with their regions where the image head attends to these. Throws `model-invalid` where it shows none. */
export const backboneFor = (
  backbone: Backbone,
  { imageHead, imageRegions }: Pick<Hyperparameters, 'imageHead' | 'imageRegions'>,
): Backbone => (imageHead === 'attention' ? backbone.withRegions(imageRegions) : backbone)
