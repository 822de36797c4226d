import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openCatalogue } from '../../src/catalogue/open-catalogue.ts'
import { createCatalogueReadiness } from '../../src/roles/catalogue-readiness.ts'
import { openDatabase } from '../../src/sqlite/database.ts'
import { publication } from '../catalogue/catalogue-harness.ts'
import { platform } from '../consumers/consumer-harness.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { pairEvent } from '../fixtures/pair-events.ts'

it('is behind until it has caught up once', async () => {
  const { log, blobs, clock, folder, catalogue } = await platform()
  await log.append([publication(pairEvent('one', 'a dog'))])
  const late = openCatalogue({ database: openDatabase(join(folder, 'late.db')), blobs })
  onTestFinished(() => late.close())
  const reasons = createCatalogueReadiness({ catalogue: late, log, clock, mayBeCutOff: 1_800_000 })
  expect(await reasons()).toEqual(['catalogue-behind'])
  await catalogue.caughtUp(log)
  expect(await createCatalogueReadiness({ catalogue, log, clock, mayBeCutOff: 1_800_000 })()).toEqual([])
})

it('may be behind for less than a minute, and is ready again once it has caught up', async () => {
  const { log, clock, catalogue, follower, setForward } = await platform()
  const reasons = createCatalogueReadiness({ catalogue, log, clock, mayBeCutOff: 1_800_000 })
  expect(await reasons()).toEqual([])
  await follower.stop()
  await log.append([publication(pairEvent('one', 'a dog'))])
  expect(await reasons()).toEqual([])
  setForward(58_000)
  expect(await reasons()).toEqual([])
  setForward(2_000)
  expect(await reasons()).toEqual(['catalogue-behind'])
  const again = await catalogue.follow(log)
  onTestFinished(() => again.stop())
  await catalogue.caughtUp(log)
  expect(await reasons()).toEqual([])
})

it('counts the minute anew when what was behind is folded, though more is on the way', async () => {
  const { log, clock, catalogue, setForward } = await platform()
  // Whenever it is asked, something new is on the way, as under load.
  const busy = { isCaughtUp: async () => false, caughtUp: catalogue.caughtUp }
  expect(await createCatalogueReadiness({ catalogue, log, clock, mayBeCutOff: 1_800_000 })()).toEqual([])
  const reasons = createCatalogueReadiness({ catalogue: busy, log, clock, mayBeCutOff: 1_800_000 })
  await reasons()
  await catalogue.caughtUp(log)
  for (let minute = 0; minute < 3; minute++) {
    await new Promise((resolve) => setImmediate(resolve))
    expect(await reasons()).toEqual([])
    setForward(61_000)
  }
})

it('stays as it was while the log never answers, and says so in time', async () => {
  const { log, clock, catalogue, follower, setForward } = await platform()
  let hangs = false
  const hanging = {
    caughtUp: catalogue.caughtUp,
    isCaughtUp: () => (hangs ? new Promise<never>(() => undefined) : catalogue.isCaughtUp(log)),
  }
  const reasons = createCatalogueReadiness({ catalogue: hanging, log, clock, mayBeCutOff: 1_800_000, patience: 5 })
  expect(await reasons()).toEqual([])
  await follower.stop()
  await log.append([publication(pairEvent('one', 'a dog'))])
  expect(await reasons()).toEqual([])
  hangs = true
  expect(await reasons()).toEqual([])
  setForward(600_000)
  expect(await reasons()).toEqual([])
  hangs = false
  // Known to be behind from now on, whatever was on its way when the log went away.
  expect(await reasons()).toEqual([])
  setForward(61_000)
  expect(await reasons()).toEqual(['catalogue-behind'])
  hangs = true
  expect(await reasons()).toEqual(['catalogue-behind'])
})

it('goes on while the log is away, until what it serves may have been deleted elsewhere', async () => {
  const { log, clock, catalogue, follower, setForward } = await platform()
  let isAway = false
  const cut = {
    caughtUp: catalogue.caughtUp,
    isCaughtUp: () => (isAway ? Promise.reject(new Error('away')) : catalogue.isCaughtUp(log)),
  }
  const reasons = createCatalogueReadiness({ catalogue: cut, log, clock, mayBeCutOff: 1_800_000 })
  expect(await reasons()).toEqual([])
  isAway = true
  expect(await reasons()).toEqual([])
  setForward(1_799_000)
  expect(await reasons()).toEqual([])
  setForward(1_000)
  expect(await reasons()).toEqual(['catalogue-behind'])
  // The log answers again, and what it says was missed is not folded yet.
  await follower.stop()
  await log.append([publication(pairEvent('one', 'a dog'))])
  isAway = false
  expect(await reasons()).toEqual(['catalogue-behind'])
  const again = await catalogue.follow(log)
  onTestFinished(() => again.stop())
  await catalogue.caughtUp(log)
  expect(await reasons()).toEqual([])
})

it('does not take what was waited for before a long cut for all that has come since', async () => {
  const { log, clock, setForward } = await platform()
  let state: 'behind' | 'away' = 'behind'
  const waits: ReturnType<typeof promise<void>>[] = []
  const catalogue = {
    isCaughtUp: () => (state === 'away' ? Promise.reject(new Error('away')) : Promise.resolve(false)),
    async caughtUp() {
      const wait = promise()
      waits.push(wait)
      await wait.promise
    },
  }
  const reasons = createCatalogueReadiness({ catalogue, log, clock, mayBeCutOff: 1_800_000 })
  await reasons()
  state = 'away'
  await reasons()
  setForward(1_800_000)
  state = 'behind'
  await reasons()
  const [before, since] = waits
  before?.resolve()
  await before?.promise
  expect(await reasons()).toEqual(['catalogue-behind'])
  since?.resolve()
  await since?.promise
  expect(await reasons()).toEqual([])
})
