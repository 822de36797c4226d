import type { Scene } from './begin.ts'
import type { HoldingProxy, Trap } from './holding-proxy.ts'
import type { Supplied } from './supply.ts'

/** A worker that was stopped with pictures in hand. */
export type StoppedWorker = {
  /** At least two. */
  readonly pictures: readonly [Supplied, Supplied, ...Supplied[]]
  /** Lets it go on, and what it had sent arrive; the status of the answer. */
  goOn(): Promise<number>
}

const PICTURES = 16
const AT_ONCE = 4

/** Stops `name` (SIGSTOP), which reaches the index through `proxy`, as soon as a request about several new pictures falls into the trap. */
export async function stopInHand(
  { crew, client, supply }: Scene,
  name: string,
  proxy: HoldingProxy,
  { isSuch, holds }: Trap,
): Promise<StoppedWorker> {
  const worker = crew.process(name)
  const published: Supplied[] = []
  const inHand = (body: string): Supplied[] =>
    published.filter(
      ({ imageId, pairs }) => body.includes(imageId) || pairs.some(({ pairId }) => body.includes(pairId)),
    )

  // For a moment, much shorter than its session, so that its next batches have several pictures.
  worker.signal('SIGSTOP')
  const publishSome = async (): Promise<void> => {
    for (let count = 0; count < PICTURES / AT_ONCE; count++) {
      const picture = await supply()
      await client.publish(picture)
      published.push(picture)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, publishSome))
  const holding = proxy.hold({
    holds,
    isSuch: (method, path, body) => isSuch(method, path, body) && inHand(body).length > 1,
  })
  worker.signal('SIGCONT')
  const held = await holding
  worker.signal('SIGSTOP')
  // An answer it waits for lies there when it wakes up.
  const answered = holds === 'answer' ? await held.release() : null
  return {
    pictures: inHand(held.body) as [Supplied, Supplied],
    async goOn() {
      worker.signal('SIGCONT')
      return answered ?? held.release()
    },
  }
}
