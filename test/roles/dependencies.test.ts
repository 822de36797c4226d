import { describe, expect, it } from 'vitest'
import { roles, type Role } from '../../src/config.ts'
import { AppError, type ErrorCode } from '../../src/core/errors.ts'
import { showProbe } from '../../src/roles/api-role.ts'
import { missingDependencies } from '../../src/roles/dependencies.ts'
import type { Services } from '../../src/roles/services.ts'
import { openedServices } from './opened-services.ts'

const codes = ['log-unavailable', 'index-unavailable', 'blob-store-unavailable', 'tracking-unavailable'] as const
type Code = (typeof codes)[number]
const [log, index, blobs, tracking] = codes

const needs: Readonly<Record<Role, readonly Code[]>> = {
  api: [log, index, blobs],
  embed: [log, index, blobs],
  count: [log, blobs],
  train: [log, blobs, tracking],
  release: [log, index, blobs, tracking],
  erase: [log, index, blobs],
}

/** The services, of which those whose codes `away` has throw what `failure` makes of the code. */
async function servicesWithout(
  away: () => readonly Code[],
  failure: (code: ErrorCode) => Error = (code) => new AppError(code, 'Start it.'),
): Promise<Services> {
  const services = await openedServices()
  const asked = <T>(code: Code, ask: () => Promise<T>): Promise<T> =>
    away().includes(code) ? Promise.reject(failure(code)) : ask()
  return {
    ...services,
    log: { ...services.log, endOffsets: (topic) => asked(log, () => services.log.endOffsets(topic)) },
    index: { ...services.index, serving: () => asked(index, () => services.index.serving()) },
    blobs: { ...services.blobs, info: (key) => asked(blobs, () => services.blobs.info(key)) },
    tracking: { ...services.tracking, aliases: () => asked(tracking, () => services.tracking.aliases()) },
  }
}

describe('the dependencies that are missing', () => {
  it.each(roles)('are for %s those that it needs, each by its code', async (role) => {
    let away: readonly Code[] = []
    const services = await servicesWithout(() => away)
    expect(await missingDependencies(services, [role])).toEqual([])
    for (const code of codes) {
      away = [code]
      expect(await missingDependencies(services, [role])).toEqual(needs[role].includes(code) ? [code] : [])
    }
    away = codes
    expect([...(await missingDependencies(services, [role]))].sort()).toEqual([...needs[role]].sort())
  })

  it('are those of every role of a process, each once, also where what they throw is not understood', async () => {
    const services = await servicesWithout(
      () => codes,
      () => new TypeError('not a function'),
    )
    expect([...(await missingDependencies(services, ['count', 'train']))].sort()).toEqual([blobs, log, tracking].sort())
  })

  it('are what a process without the API says of itself', async () => {
    let away: readonly Code[] = []
    const services = await servicesWithout(() => away)
    type App = Parameters<Parameters<typeof showProbe>[2]['show']>[0]
    const shown: App[] = []
    const show = (app: App): void => void shown.push(app)
    showProbe(services, ['train'], { address: '', waitsFor: () => undefined, show, stop: () => Promise.resolve() })
    const ready = async () => {
      const answer = await shown[0]?.fetch(new Request('http://host/health/ready'))
      return { status: answer?.status, body: await answer?.json() }
    }
    expect((await ready()).status).toBe(200)
    away = [tracking, index]
    expect(await ready()).toMatchObject({ status: 503, body: { reasons: [tracking] } })
  })
})
