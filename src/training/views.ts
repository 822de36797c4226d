import { views, type View } from '../models/views.ts'
import type { Hyperparameters } from './hyperparameters.ts'

const chosen: Readonly<Record<Hyperparameters['imageViews'], readonly View[]>> = {
  plain: ['plain'],
  mirrored: ['plain', 'flipped'],
  corners: views,
}

/** The views of an image that a training is given, in the order of `features.f32`, and that its model averages. */
export const viewsOf = ({ imageViews }: Pick<Hyperparameters, 'imageViews'>): readonly View[] => chosen[imageViews]
