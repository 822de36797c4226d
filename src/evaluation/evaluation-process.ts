import { setPriority } from 'node:os'
import { toAppError } from '../core/errors.ts'
import type { EvaluationOrder, EvaluationReport } from './evaluate-in-process.ts'
import { evaluateRetrieval, type EvaluatedCaption } from './evaluate-retrieval.ts'

function evaluate({ images, captions, relevant }: EvaluationOrder): EvaluationReport {
  try {
    if (relevant.size === 0) return { evaluation: evaluateRetrieval({ images, captions }) }
    const judged = new Map([...relevant].map(([captionId, imageIds]) => [captionId, new Set(imageIds)]))
    const isRelevant = (caption: EvaluatedCaption, imageId: string): boolean =>
      judged.get(caption.id)?.has(imageId) ?? caption.imageId === imageId
    return { evaluation: evaluateRetrieval({ images, captions, relevant: isRelevant }) }
  } catch (error) {
    const { code, message } = toAppError(error)
    return { code, detail: message }
  }
}

// A parent that has died has no use for the answer.
process.once('disconnect', () => process.exit())
process.once('message', (order) => {
  setPriority(5)
  process.send?.(evaluate(order as EvaluationOrder))
})
