import { expect, it } from 'vitest'
import { blobCheck } from '../../src/roles/doctor/store-checks.ts'
import { claimStore, OWNER_KEY } from '../../src/roles/store-owner.ts'
import { startEraseRole } from '../../src/roles/upkeep-role.ts'
import { pairRecord } from '../fixtures/pair-events.ts'
import { openedServices } from './opened-services.ts'

const publication = pairRecord('one', 'a caption')

it('lets no log sweep the store of another one', async () => {
  const production = await openedServices()
  await production.blobs.put('images/ab/abcdef', new Uint8Array(3))
  await claimStore(production)
  const elsewhere = { ...(await openedServices()), blobs: production.blobs }
  await expect(startEraseRole(elsewhere)).rejects.toMatchObject({ code: 'configuration-invalid' })
  expect(await production.blobs.get('images/ab/abcdef')).not.toBeNull()
  expect(await blobCheck(elsewhere).run(() => undefined)).toMatchObject([{ level: 'problem' }])
})

it('lets a log that has lost its end sweep nothing', async () => {
  const services = await openedServices()
  await services.log.append([publication])
  await claimStore(services)
  await claimStore(services)
  const shorter = { ...services, log: { ...services.log, endOffsets: async () => new Map([[0, 0]]) } }
  await expect(claimStore(shorter)).rejects.toMatchObject({ code: 'configuration-invalid' })
})

it('gives the store to whoever comes once its owner is taken out', async () => {
  const former = await openedServices()
  await claimStore(former)
  const next = { ...(await openedServices()), blobs: former.blobs }
  await next.blobs.delete(OWNER_KEY)
  await expect(claimStore(next)).resolves.toBeUndefined()
  await expect(claimStore(former)).rejects.toMatchObject({ code: 'configuration-invalid' })
})
