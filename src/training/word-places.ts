import { imageHeadFile, type Weights } from './definitions/serving.ts'
import type { DualEncoderShape } from './definitions/shape.ts'
import { startJax } from './lowering/trace.ts'
import { openOnnxSession } from '../models/onnx-session.ts'
import { UNKNOWN_ID } from '../models/tokeniser.ts'
import type { ExampleSet } from './example-set.ts'
import { readAverage, type FeatureFile } from './feature-file.ts'
import { viewsOf } from './views.ts'

/** Models on a CLIP have no words of their own. */
const VIEWS = viewsOf(false).length

/** A word counts as if it had been seen this much more often with pictures of nothing: what is seen seldom says little. */
const PRIOR_COUNT = 40
const CHUNK = 256

/** Multiplies all values so that rows have length 1 in the quadratic mean. */
function bringToUnitLength(places: Float64Array, rows: number): void {
  const meanSquare = places.reduce((sum, value) => sum + value * value, 0) / rows
  if (meanSquare === 0) return
  for (const [i, value] of places.entries()) places[i] = value / Math.sqrt(meanSquare)
}

/**
 * Where words start, [vocabulary, word width]: each at the mean of its pictures' embeddings under the image head in `heads`,
 * before anything is learned of the two together. A projection drawn at random keeps angles, roughly, so this finds pictures
 * already; rare words start where they were seen, when a drawn start would stay the noise that it is.
 */
export async function wordPlaces(
  shape: DualEncoderShape,
  wordWidth: number,
  heads: Weights,
  vocabularySize: number,
  examples: ExampleSet,
  features: FeatureFile,
  threads: number,
): Promise<Float32Array> {
  const { featureWidth, embeddingWidth } = shape
  const width = Math.min(wordWidth, embeddingWidth)
  const places = new Float64Array(vocabularySize * wordWidth)
  const counts = new Float64Array(vocabularySize)
  await startJax()
  const session = await openOnnxSession(imageHeadFile(shape, heads), { threads })
  for (let from = 0; from < examples.imageStarts.length - 1; from += CHUNK) {
    const chunk = examples.imageStarts.subarray(from, from + CHUNK + 1)
    const images = chunk.length - 1
    const data = new Float32Array(images * featureWidth)
    for (const [place, first] of chunk.subarray(0, images).entries()) {
      readAverage(features, examples.row(first), VIEWS, data.subarray(place * featureWidth, (place + 1) * featureWidth))
    }
    const { image_embeds } = await session.run({ features: { data, shape: [images, featureWidth] } }, ['image_embeds'])
    for (let example = chunk[0] ?? 0, place = 0; example < (chunk[images] ?? 0); example++) {
      while (example >= (chunk[place + 1] ?? 0)) place++
      for (const id of examples.words(example)) {
        if (id === UNKNOWN_ID) continue
        counts[id] = (counts[id] ?? 0) + 1
        for (let i = 0; i < width; i++) {
          const at = id * wordWidth + i
          places[at] = (places[at] as number) + (image_embeds.data[place * embeddingWidth + i] as number)
        }
      }
    }
  }
  await session.close()
  for (let at = 0; at < places.length; at++) {
    places[at] = (places[at] as number) / ((counts[Math.floor(at / wordWidth)] as number) + PRIOR_COUNT)
  }
  bringToUnitLength(places, vocabularySize)
  return Float32Array.from(places)
}
