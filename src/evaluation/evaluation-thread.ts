import { parentPort, workerData } from 'node:worker_threads'
import { toAppError } from '../core/errors.ts'
import type { ThreadInput, ThreadOutput } from './evaluate-in-thread.ts'
import { evaluateRetrieval } from './evaluate-retrieval.ts'

const { images, captions, relevant } = workerData as ThreadInput
const judged = new Map([...relevant].map(([captionId, imageIds]) => [captionId, new Set(imageIds)]))

function answer(): ThreadOutput {
  try {
    if (judged.size === 0) return { evaluation: evaluateRetrieval({ images, captions }) }
    const isRelevant = (caption: { id: string; imageId: string }, imageId: string): boolean =>
      judged.get(caption.id)?.has(imageId) ?? caption.imageId === imageId
    return { evaluation: evaluateRetrieval({ images, captions, relevant: isRelevant }) }
  } catch (error) {
    const { code, message } = toAppError(error)
    return { code, detail: message }
  }
}

parentPort?.postMessage(answer())
