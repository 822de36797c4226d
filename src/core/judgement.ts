import { v5 as uuidV5 } from 'uuid'
import type { Judgement } from './events.ts'

/** The name space of the ids of judgements (RFC 9562, section 5.5). */
const NAMESPACE = '6b1d3c52-7a0e-5d39-8f41-90c2a7e4d118'

/** The relevance from which a document counts as an answer, where only yes and no are told apart. */
const RELEVANT = 0.5

export const isRelevant = ({ relevance }: Pick<Judgement, 'relevance'>): boolean => relevance >= RELEVANT

/** The id of what is judged: two texts. The newest judgement of an id is the one that counts. */
export const judgementIdOf = (query: string, document: string): string =>
  uuidV5(JSON.stringify([query, document]), NAMESPACE)
