import { AppError } from '../core/errors.ts'

/** Joins the items of calls made at about the same time, so that each batch is full and each call is still short. */
export type MicroBatcher<Item, Result> = {
  /** The results in the order of the items. A failing batch fails every call that has an item in it. */
  submit(items: readonly Item[]): Promise<Result[]>
  /** Lets what was submitted finish, and refuses what comes after. */
  close(): Promise<void>
}

type MicroBatcherOptions<Item, Result> = {
  /** Items a batch at most. */
  readonly maxSize: number
  /** How long the first item waits for company, in milliseconds; 0 waits for the calls of the same turn only. */
  readonly maxAge: number
  /** Batches under way at a time, in the order of submission; meanwhile the next one fills. Default 1. */
  readonly atOnce?: number
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
}

type Waiting<Item, Result> = {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

export function createMicroBatcher<Item, Result>(
  options: MicroBatcherOptions<Item, Result>,
): MicroBatcher<Item, Result> {
  const { maxSize, maxAge, atOnce = 1, run } = options
  let waiting: Waiting<Item, Result>[] = []
  let timer: NodeJS.Timeout | null = null
  const drains = new Set<Promise<void>>()
  let underWay = 0
  let closed = false

  async function runOne(): Promise<void> {
    const batch = waiting.slice(0, maxSize)
    waiting = waiting.slice(maxSize)
    try {
      const results = await run(batch.map(({ item }) => item))
      batch.forEach(({ resolve, reject }, index) => {
        const result = results[index]
        if (result === undefined)
          reject(new AppError('internal', 'A batch gave fewer results than it was given items.'))
        else resolve(result)
      })
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  /** A batch that is not full goes only when no other is under way: it may fill meanwhile. */
  const mayGo = (): boolean => waiting.length >= maxSize || (waiting.length > 0 && underWay === 1)

  async function drain(): Promise<void> {
    underWay++
    while (mayGo()) {
      await runOne()
      // The run may have held this thread: what else waits for it gets its turn between two batches.
      await new Promise((resolve) => setImmediate(resolve))
    }
    underWay-- // in the turn in which nothing was left to take, so that whoever comes next starts anew
  }

  function start(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    if (underWay >= atOnce) return
    const draining = drain().finally(() => drains.delete(draining))
    drains.add(draining)
  }

  function schedule(): void {
    if (waiting.length >= maxSize) start()
    else if (underWay === 0) timer ??= setTimeout(start, maxAge) // else what runs now takes the rest along
  }

  return {
    async submit(items) {
      if (closed) throw new AppError('model-not-found', 'The model is closed; open it again.')
      const results = items.map(
        (item) =>
          new Promise<Result>((resolve, reject) => {
            waiting.push({ item, resolve, reject })
          }),
      )
      if (waiting.length > 0) schedule()
      return Promise.all(results)
    },
    async close() {
      closed = true
      if (waiting.length > 0) start()
      while (drains.size > 0) await Promise.all(drains)
    },
  }
}
