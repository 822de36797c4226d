import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { imageIdOf } from '../../src/core/ids.ts'
import { startEraseRole, startFeatureUpkeep } from '../../src/roles/upkeep-role.ts'
import { promise } from '../fixtures/log-consumers.ts'
import { topicValues } from '../fixtures/topic-values.ts'
import { openedServices } from './opened-services.ts'

it('ends in the middle of a sweep that would take for ever', async () => {
  const services = await openedServices()
  await services.index.create('g1', 4)
  const value = { ...topicValues.releases, follows: null, generation: 'g1' }
  await services.log.append([{ topic: 'releases', key: value.releaseId, value }])
  await services.catalogue.caughtUp(services.log)
  const walking = promise()
  const index = {
    ...services.index,
    async *ids() {
      for (let number = 0; ; number++) {
        if (number === 1_000) walking.resolve()
        await nextTurn()
        yield imageIdOf(Buffer.from(`image ${number}`))
      }
    },
  }
  const role = await startEraseRole({ ...services, index })
  await walking.promise
  await role.stop()
  expect(await services.index.generations()).toHaveLength(1)
})

it('ends while features are fetched that never come', async () => {
  const services = await openedServices()
  const fetching = promise()
  const never = () => {
    fetching.resolve()
    return new Promise<never>(() => undefined)
  }
  for (const start of [startEraseRole, startFeatureUpkeep]) {
    const role = await start({ ...services, features: { ...services.features, sweep: never, refresh: never } })
    await fetching.promise
    await expect(role.stop()).resolves.toBeUndefined()
  }
})
