import { normaliseCaption } from '../../core/caption.ts'
import type { FeedbackGiven, Judgement, QueryAsked } from '../../core/events.ts'
import { judgementIdOf } from '../../core/judgement.ts'
import { hasMarks } from '../../core/personal-data.ts'
import type { EventLog } from '../../ports/event-log.ts'
import { readNewest } from '../../ports/newest-records.ts'
import type { JudgementSource } from './judgement-source.ts'

/** What `feedback` is called where a file or an address may be named. */
export const FEEDBACK = 'feedback'

/** What stands for a hit: its caption, or those of its picture. Empty where it is gone. */
type CaptionsOf = (hit: Pick<FeedbackGiven, 'imageId' | 'pairId'>) => readonly string[]

const relevanceOf: Readonly<Record<string, number>> = { up: 1, down: 0 }

type Opinions = { readonly query: string; readonly document: string; sum: number; count: number; newest: number }

/**
 * What people said of hits, as judgements of the captions: the mean of all opinions on a query and a caption. Clicks are not taken for opinions, as
 * what stands first is clicked first; nor are queries that personal data were taken out of, which no longer say what was asked.
 */
export const feedbackJudgements = (
  log: Pick<EventLog, 'tail' | 'endOffsets'>,
  captionsOf: CaptionsOf,
): JudgementSource => ({
  describe: 'what people said of hits',
  async *read(signal) {
    const { values: given } = await readNewest(log, 'feedback', signal, ({ action }) => action in relevanceOf)
    const judged = new Set([...given.values()].map(({ queryId }) => queryId))
    const isOfUse = ({ queryId, text }: QueryAsked): boolean => judged.has(queryId) && text !== null && !hasMarks(text)
    const { values: queries } = await readNewest(log, 'queries', signal, isOfUse)
    const opinions = new Map<string, Opinions>()
    for (const feedback of given.values()) {
      const text = queries.get(feedback.queryId)?.text
      if (text === null || text === undefined) continue
      for (const document of captionsOf(feedback)) add(opinions, normaliseCaption(text), document, feedback)
    }
    for (const { query, document, sum, count, newest } of opinions.values()) {
      const judgement: Judgement = { query, document, relevance: sum / count, source: FEEDBACK, createdAt: newest }
      yield { place: query, judgement }
    }
  },
})

function add(opinions: Map<string, Opinions>, query: string, document: string, feedback: FeedbackGiven): void {
  const id = judgementIdOf(query, document)
  const known = opinions.get(id) ?? { query, document, sum: 0, count: 0, newest: 0 }
  known.sum += relevanceOf[feedback.action] ?? 0
  known.count++
  known.newest = Math.max(known.newest, feedback.givenAt)
  opinions.set(id, known)
}
