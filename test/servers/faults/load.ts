import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../../src/core/random.ts'
import type { Client } from './client.ts'
import { pairsIn, type Ledger } from './ledger.ts'
import type { Supplied } from './supply.ts'

export type Load = {
  /** Lets the requests that are open be answered, and ends. */
  stop(): Promise<void>
}

export type LoadOptions = {
  readonly client: Client
  readonly ledger: Ledger
  readonly supply: () => Promise<Supplied>
  readonly random: Random
  readonly workers: number
  /** Once so many pairs are live, as many go as come. */
  readonly mostPairs: number
}

const LONGEST_PAUSE = 80

/** Publishes, erases, publishes what is erased, and searches, until it is stopped. */
export function startLoad({ client, ledger, supply, random, workers, mostPairs }: LoadOptions): Load {
  const published: Supplied[] = []
  let live = pairsIn(ledger, 'live').length
  let stopped = false

  const publish = async (): Promise<void> => {
    const picture = await supply()
    await client.publish(picture)
    live += picture.pairs.length
    published.push(picture)
  }

  /** All captions of a picture, so that its blob goes too, or one of them. */
  const erase = async (): Promise<void> => {
    const [picture] = published.splice(random.below(published.length), 1)
    const [first, ...others] = picture?.pairs ?? []
    if (picture === undefined || first === undefined) return
    const erased = random.float() < 0.5 ? [first, ...others] : [first]
    await client.erase(erased.map(({ pairId }) => pairId))
    live -= erased.length
    if (random.float() < 0.3) await client.publishErased(picture, first.pairId)
  }

  const search = async (): Promise<void> => {
    const known = [...ledger.pairs.values()]
    await client.search(known[random.below(known.length)]?.caption ?? 'a red circle')
  }

  const work = async (): Promise<void> => {
    while (!stopped) {
      const draw = random.float()
      if (draw < 0.4 && live < mostPairs) await publish()
      else if (draw < 0.65) await erase()
      else await search()
      await delay(random.below(LONGEST_PAUSE))
    }
  }

  const working = Promise.all(Array.from({ length: workers }, work))
  return {
    async stop() {
      stopped = true
      await working
    },
  }
}
