import { unlessStopped } from '../core/stop.ts'
import type { ImageInput } from '../ports/encoder.ts'
import type { Backbone } from './backbone.ts'
import { decodePixels } from './decode-image.ts'
import { createMicroBatcher, type MicroBatcher } from './micro-batcher.ts'
import { unmirrored } from './regions.ts'
import { isMirrored, type View } from './views.ts'

/** Pictures a run of the backbone: on a CPU four are as fast as more, and keep the thread for a fraction of a second only. */
const PICTURES_A_RUN = 4
/** Pictures decoded ahead, on other threads, while the backbone runs. */
const DECODED_AT_ONCE = 8
/** One that the backbone runs, and one that is ready for it. */
const RUNS_AT_ONCE = 2
/** How long a picture waits for others, in milliseconds. */
const WAIT = 2

const lanes = new WeakMap<Backbone, MicroBatcher<Float32Array, Float32Array>>()

/** One lane a backbone, so that all who compute features with it share its runs. */
function laneOf(backbone: Backbone): MicroBatcher<Float32Array, Float32Array> {
  let lane = lanes.get(backbone)
  if (lane === undefined) {
    lane = createMicroBatcher({
      maxSize: PICTURES_A_RUN,
      maxAge: WAIT,
      atOnce: RUNS_AT_ONCE,
      run: (pixels) => backbone.run(pixels),
    })
    lanes.set(backbone, lane)
  }
  return lane
}

/**
 * The features of each image under each of `views`, in their order, computed and not kept. Throws `image-…` errors, and `not-ready` once
 * `signal` is raised.
 */
export function computeFeatures(
  images: readonly ImageInput[],
  backbone: Backbone,
  views: readonly View[],
  signal?: AbortSignal,
): Promise<Float32Array[][]> {
  const compute = async (image: ImageInput): Promise<Float32Array[]> => {
    const bytes = await unlessStopped(image.bytes(), signal)
    const features = await laneOf(backbone).submit(await decodePixels(bytes, backbone.preprocessing, views))
    const { regions } = backbone
    return features.map((row, at) =>
      regions !== null && isMirrored(views[at] ?? 'plain') ? unmirrored(row, regions) : row,
    )
  }
  return mapInOrder(images, compute)
}

/** Maps with a few items under way at a time, results in the order of the items; the first failure ends it. */
export async function mapInOrder<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const queue = items.entries()
  let failed = false
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failed) return
      results[index] = await work(item)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(DECODED_AT_ONCE, items.length) }, worker))
  } catch (error) {
    failed = true
    throw error
  }
  return results
}
