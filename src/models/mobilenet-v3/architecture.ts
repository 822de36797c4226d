/** The two activations of the network: `RE` and `HS` in the paper. */
export type Activation = 'relu' | 'hard-swish'

/**
 * An inverted residual block: a 1 x 1 convolution widens to `expansion` channels, a depthwise one of `kernel` x `kernel` looks around,
 * `squeeze` weighs the channels by what the whole picture shows, a 1 x 1 convolution narrows to `width`.
 */
export type Block = {
  readonly kernel: 3 | 5
  readonly expansion: number
  readonly width: number
  readonly squeeze: boolean
  readonly activation: Activation
  readonly stride: 1 | 2
}

/**
 * MobileNetV3-Small: Howard et al., "Searching for MobileNetV3", 2019, table 2. Blocks are grouped in the stages by which PyTorch image
 * models name their weights. Unlike the table, and like every implementation of it, the last convolution has no squeeze.
 */
export const mobileNetV3Small = {
  stemWidth: 16,
  stages: [
    [{ kernel: 3, expansion: 16, width: 16, squeeze: true, activation: 'relu', stride: 2 }],
    [
      { kernel: 3, expansion: 72, width: 24, squeeze: false, activation: 'relu', stride: 2 },
      { kernel: 3, expansion: 88, width: 24, squeeze: false, activation: 'relu', stride: 1 },
    ],
    [
      { kernel: 5, expansion: 96, width: 40, squeeze: true, activation: 'hard-swish', stride: 2 },
      { kernel: 5, expansion: 240, width: 40, squeeze: true, activation: 'hard-swish', stride: 1 },
      { kernel: 5, expansion: 240, width: 40, squeeze: true, activation: 'hard-swish', stride: 1 },
    ],
    [
      { kernel: 5, expansion: 120, width: 48, squeeze: true, activation: 'hard-swish', stride: 1 },
      { kernel: 5, expansion: 144, width: 48, squeeze: true, activation: 'hard-swish', stride: 1 },
    ],
    [
      { kernel: 5, expansion: 288, width: 96, squeeze: true, activation: 'hard-swish', stride: 2 },
      { kernel: 5, expansion: 576, width: 96, squeeze: true, activation: 'hard-swish', stride: 1 },
      { kernel: 5, expansion: 576, width: 96, squeeze: true, activation: 'hard-swish', stride: 1 },
    ],
  ],
  /** Channels of the feature map, after the last convolution. */
  mapWidth: 576,
  /** Features: the map is pooled first, then widened. */
  featureWidth: 1024,
} as const satisfies {
  readonly stages: readonly (readonly Block[])[]
  readonly [width: string]: number | readonly (readonly Block[])[]
}

/** Channels within a squeeze: a quarter, rounded to a multiple of eight that loses at most a tenth. */
export function squeezedWidth(expansion: number): number {
  const quarter = expansion / 4
  const rounded = Math.max(8, Math.floor((quarter + 4) / 8) * 8)
  return rounded < 0.9 * quarter ? rounded + 8 : rounded
}
