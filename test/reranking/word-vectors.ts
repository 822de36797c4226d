import type { VectorOf } from '../../src/reranking/first-stage.ts'

const WIDTH = 64

/** Texts are as near to each other as they have words in common. */
export const wordVectors: VectorOf = (text) => {
  const vector = new Float32Array(WIDTH)
  for (const word of text.toLowerCase().split(' ')) {
    let place = 7
    for (const letter of word) place = (place * 31 + (letter.codePointAt(0) ?? 0)) % WIDTH
    vector[place] = 1
  }
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}
