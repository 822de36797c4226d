/** A role that runs in this process. */
export type RunningRole = {
  /** Rejects when the role has ended that should not. */
  readonly failed: Promise<unknown>
  /** Lets what is in hand finish and commits it. */
  stop(): Promise<void>
}

/** A consumer or loop ends only when it is stopped: its `done` is the role's failure when it rejects. */
export const never: Promise<never> = new Promise<never>(() => undefined)

/** Roles as one. They stop side by side: a process that is told to end waits for the slowest, not for all in turn. */
export function joinRoles(running: readonly RunningRole[]): RunningRole {
  const failed = Promise.race([never, ...running.map((role) => role.failed)])
  failed.catch(() => undefined)
  return {
    failed,
    async stop() {
      const ends = await Promise.allSettled(running.map((role) => role.stop()))
      for (const end of ends) if (end.status === 'rejected') throw end.reason
    },
  }
}

/** The role, named in `busy` until it has stopped as it should. */
export function namedIn(busy: Set<string>, name: string, role: RunningRole): RunningRole {
  busy.add(name)
  return {
    failed: role.failed,
    async stop() {
      await role.stop()
      busy.delete(name)
    },
  }
}
