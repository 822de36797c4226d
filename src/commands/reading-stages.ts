import { counted } from './figures.ts'
import type { Progress, Stage } from './progress.ts'

type ReadingEvents = {
  onFeatures(done: number, total: number): void
  onCaptions(done: number, total: number): void
}

/** A stage for what a backbone sees before anything is learned, and one for what a sentence encoder reads. */
export function showReading(progress: Progress): ReadingEvents {
  let features: Stage | null = null
  let captions: Stage | null = null
  return {
    onFeatures(done, total) {
      features ??= progress.stage('features', total)
      features.update(done, 'pictures')
      if (done < total) return
      features.finish(`${counted(total, 'picture')} seen by the backbone`)
      features = null
    },
    onCaptions(done, total) {
      captions ??= progress.stage('captions', total)
      captions.update(done, 'captions read')
      if (done < total) return
      captions.finish(`${counted(total, 'caption')} read by the sentence encoder`)
      captions = null
    },
  }
}
