import { setTimeout as delay } from 'node:timers/promises'
import { ask, postJson, type Answer } from './ask.ts'
import { twiceAmong } from './doubled.ts'
import type { Ledger } from './ledger.ts'
import type { Supplied } from './supply.ts'

type Outcome = { readonly outcome: string; readonly problem: { readonly code: string } | null }
type Hit = { readonly pairId: string | null; readonly score: number }

/** A user of the API who repeats what was not answered, and writes down what was. */
export type Client = {
  publish(picture: Supplied): Promise<void>
  erase(pairIds: readonly string[]): Promise<void>
  /** Publishes again what is erased; it must be refused. */
  publishErased(picture: Supplied, pairId: string): Promise<void>
  search(text: string): Promise<void>
}

const PAUSE = 200
/** How long after its acknowledgement an erasure is known to every process that answers. */
const ERASED_FOR = 3_000

export function createClient(address: string, ledger: Ledger): Client {
  /** Notes that a request is open for as long as it is. */
  const asking = async (request: () => Promise<Answer | null>): Promise<Answer | null> => {
    ledger.open++
    try {
      return await request()
    } finally {
      ledger.open--
    }
  }

  /** Every request here may be repeated: its ids follow from what it says. */
  const untilAnswered = async (request: () => Promise<Answer | null>): Promise<Answer> => {
    for (;;) {
      const answer = await asking(request)
      if (answer !== null && answer.status !== 503) return answer
      if (answer === null) ledger.unanswered++
      else ledger.unavailable++
      await delay(PAUSE)
    }
  }

  const send = async ({ image, split }: Supplied, captions: readonly string[]): Promise<readonly Outcome[]> => {
    const pairs = captions.map((caption) => ({ image, caption, split }))
    const { status, body } = await untilAnswered(() => postJson(`${address}/v1/pairs`, { pairs }))
    if (status !== 202 && status !== 207) ledger.wrong.push(`publishing was answered by ${status}`)
    return (body['pairs'] as Outcome[] | undefined) ?? []
  }

  return {
    async publish(picture) {
      const { imageId, pairs } = picture
      for (const { pairId, caption } of pairs) ledger.pairs.set(pairId, { imageId, caption, state: 'open', at: 0 })
      const outcomes = await send(
        picture,
        pairs.map(({ caption }) => caption),
      )
      for (const [index, { pairId, caption }] of pairs.entries()) {
        const { outcome } = outcomes[index] ?? { outcome: 'no outcome' }
        if (outcome === 'accepted' || outcome === 'duplicate')
          ledger.pairs.set(pairId, { imageId, caption, state: 'live', at: Date.now() })
        else ledger.wrong.push(`a new pair was ${outcome}`)
      }
    },

    async erase(pairIds) {
      for (const pairId of pairIds) {
        const pair = ledger.pairs.get(pairId)
        if (pair === undefined) continue
        ledger.pairs.set(pairId, { ...pair, state: 'open' })
        const { status } = await untilAnswered(() => ask(`${address}/v1/pairs/${pairId}`, { method: 'DELETE' }))
        if (status === 202) ledger.pairs.set(pairId, { ...pair, state: 'erased', at: Date.now() })
        else ledger.wrong.push(`erasing an acknowledged pair was answered by ${status}`)
      }
    },

    async publishErased(picture, pairId) {
      const caption = picture.pairs.find((pair) => pair.pairId === pairId)?.caption ?? ''
      const [outcome] = await send(picture, [caption])
      if (outcome?.problem?.code === 'pair-erased') ledger.refused++
      else ledger.wrong.push(`an erased pair was ${outcome?.outcome ?? 'not answered for'}`)
    },

    async search(text) {
      const begunAt = Date.now()
      const answer = await asking(() =>
        ask(`${address}/v1/search?q=${encodeURIComponent(text)}&target=captions&limit=20`),
      )
      if (answer === null || answer.status === 503) return
      ledger.searches++
      if (answer.status !== 200) ledger.wrong.push(`a search was answered by ${answer.status}`)
      const hits = (answer.body['hits'] as Hit[] | undefined) ?? []
      ledger.doubled.push(...twiceAmong(hits).map((pairId) => `a search answered twice by ${pairId}`))
      for (const { pairId } of hits) {
        const pair = ledger.pairs.get(pairId ?? '')
        if (pair?.state === 'erased' && pair.at < begunAt - ERASED_FOR)
          ledger.wrong.push('a search found an erased pair')
      }
    },
  }
}
