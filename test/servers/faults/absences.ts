import { setTimeout as delay } from 'node:timers/promises'
import { embedGroup } from '../../../src/core/consumer-groups.ts'
import { eventually } from '../role-processes.ts'
import type { Scene } from './begin.ts'
import { sharesOf } from './sharing.ts'

export type Leave = {
  /** In milliseconds. */
  readonly absence: number
  /** Whether it comes back on another machine, without its data folder. */
  readonly withoutData: boolean
}

/** Kills processes and brings them back, several at a time, and counts what that has led to. */
export type Absences = {
  /** Gives what kills a process, once it can die: it is not away, and nobody waits for it to take over from another. */
  victim(name: string): Promise<(leave: Leave) => Promise<void>>
  /** Who is away now. */
  away(): string[]
  /** Resolves once all are back. */
  over(): Promise<unknown>
  readonly counts: {
    /** Longer than a session of a consumer: what it held is given away meanwhile. */
    longAbsences: number
    /** Kills while somebody else was away. */
    overlapping: number
    /** How often one that embeds was given all partitions when the other had died. */
    takeovers: number
  }
}

/** How long a takeover is waited for: some sessions. */
const PATIENCE = 20_000

const embeds = (name: string): boolean => name.startsWith('embed')

export function createAbsences(scene: Scene): Absences {
  const { crew, installation } = scene
  const session = Number(installation.environment['KAFKA_SESSION_SECONDS']) * 1_000
  const partitions = Number(installation.environment['PARTITIONS'])
  const returning = new Map<string, Promise<void>>()
  let watching: Promise<void> = Promise.resolve()
  const counts = { longAbsences: 0, overlapping: 0, takeovers: 0 }

  const embedding = async () => {
    const generation = (await scene.outside()).catalogue.currentRelease()?.generation ?? ''
    return () => sharesOf(scene, embedGroup(generation), 'pairs')
  }

  /** Gives what resolves once one that was in the group with the victim has all partitions, or too much time has passed. */
  const takeover = async (): Promise<() => Promise<void>> => {
    const shares = await embedding()
    const before = await shares()
    if (before.size < 2) return () => Promise.resolve()
    const isTakenOver = (now: ReadonlyMap<string, readonly number[]>): boolean =>
      now.size === 1 && [...now].every(([member, held]) => before.has(member) && held.length === partitions)
    return async () => {
      const isSo = await eventually(shares, isTakenOver, PATIENCE).then(
        () => true,
        () => false,
      )
      if (isSo) counts.takeovers++
    }
  }

  return {
    async victim(name) {
      await returning.get(name)
      if (embeds(name)) await watching
      const watch = embeds(name) && counts.takeovers === 0 ? await takeover() : () => Promise.resolve()
      return async ({ absence, withoutData }) => {
        if (returning.size > 0) counts.overlapping++
        await crew.kill(name)
        const diedAt = performance.now()
        const watched = watch()
        if (embeds(name)) watching = watched
        const comeBack = async (): Promise<void> => {
          await Promise.all([delay(absence), watched])
          if (performance.now() - diedAt > session) counts.longAbsences++
          await crew.start(name, { withoutData })
          returning.delete(name)
        }
        returning.set(name, comeBack())
      }
    },
    away: () => [...returning.keys()],
    over: () => Promise.all(returning.values()),
    counts,
  }
}
