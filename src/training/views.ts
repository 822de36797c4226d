import type { View } from '../models/preprocessing.ts'

/**
 * The views of an image that a training is given, in the order of `features.f32`, and that its model averages. A CLIP was trained without
 * mirror images, and has to give its own embeddings where nothing is learned.
 */
export const viewsOf = (isOnClip: boolean): readonly View[] => (isOnClip ? ['plain'] : ['plain', 'flipped'])
