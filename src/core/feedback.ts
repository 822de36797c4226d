import { v5 as uuidV5 } from 'uuid'
import type { FeedbackGiven } from './events.ts'

/** The name space of the keys of feedback (RFC 9562, section 5.5). */
const NAMESPACE = '0d8a4f1e-6a5c-5b1b-9d2e-3f7c41b6a90d'

/**
 * The key of a record: one opinion of a hit is kept of each principal, the newest, and a click beside it; so a hit that is judged again
 * and again counts once.
 */
export const feedbackKey = ({
  queryId,
  imageId,
  pairId,
  principal,
  action,
}: Omit<FeedbackGiven, 'position' | 'givenAt'>): string =>
  uuidV5(JSON.stringify([queryId, imageId, pairId, principal, action === 'click' ? 'click' : 'opinion']), NAMESPACE)
