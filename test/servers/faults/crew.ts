import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Role } from '../../../src/config.ts'
import type { Environment, Installation, StartingProcess } from '../role-processes.ts'
import { freePort } from '../server-process.ts'

export type Member = {
  readonly name: string
  readonly roles: readonly Role[]
  readonly settings?: Environment
  /** Whether it is not of those that begin, but comes when a test starts it. */
  readonly comesLater?: boolean
}

/** Role processes with names, each with a port and a data folder that outlive it. */
export type Crew = {
  /** Of those that begin. */
  readonly names: readonly string[]
  address(name: string): string
  folder(name: string): string
  process(name: string): StartingProcess
  /** What it has said since its last start, for whoever asks why a test failed. */
  said(name: string): string
  start(name: string, options?: { readonly withoutData?: boolean }): Promise<void>
  /** Waits until all run their roles. */
  started(): Promise<void>
  /** Who is gone although nobody told it to be, in words. */
  endedByThemselves(): string[]
  /** SIGKILL; resolves once it is gone. Throws when it had ended by itself. */
  kill(name: string): Promise<void>
}

export async function createCrew(
  installation: Installation,
  folder: string,
  members: readonly Member[],
): Promise<Crew> {
  const ports = new Map<string, number>()
  for (const { name } of members) ports.set(name, await freePort())
  const processes = new Map<string, StartingProcess>()

  const processOf = (name: string): StartingProcess => {
    const found = processes.get(name)
    if (found === undefined) throw new Error(`${name} was never started`)
    return found
  }
  const folderOf = (name: string): string => join(folder, name)

  return {
    names: members.flatMap(({ name, comesLater }) => (comesLater === true ? [] : [name])),
    address: (name) => `http://127.0.0.1:${ports.get(name) ?? 0}`,
    folder: folderOf,
    process: processOf,
    said: (name) => processes.get(name)?.said() ?? 'nothing: it was not started',
    async start(name, options = {}) {
      const member = members.find((each) => each.name === name)
      if (member === undefined) throw new Error(`There is no member ${name}.`)
      if (options.withoutData === true) await rm(folderOf(name), { recursive: true, force: true })
      const own = { DATA_DIR: folderOf(name), PORT: String(ports.get(name) ?? 0) }
      processes.set(name, await installation.launch(member.roles, { ...member.settings, ...own }))
    },
    async started() {
      for (const { started } of processes.values()) await started
    },
    endedByThemselves: () =>
      [...processes].flatMap(([name, { endedByItself, said }]) =>
        endedByItself() ? [`${name} ended by itself:\n${said().slice(-4_000)}`] : [],
      ),
    async kill(name) {
      const victim = processOf(name)
      const wasThere = victim.signal('SIGKILL')
      const status = await victim.ended
      if (wasThere && victim.endedBy() === 'SIGKILL') return
      const cause = victim.endedBy() ?? status
      throw new Error(`${name} ended by itself with ${cause}:\n${victim.said().slice(-4_000)}`)
    },
  }
}
