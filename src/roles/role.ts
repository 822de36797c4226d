/** A role that runs in this process. */
export type RunningRole = {
  /** Rejects when the role has ended that should not. */
  readonly failed: Promise<unknown>
  /** Lets what is in hand finish and commits it. */
  stop(): Promise<void>
}

/** A consumer or loop ends only when it is stopped: its `done` is the role's failure when it rejects. */
export const never: Promise<never> = new Promise<never>(() => undefined)

/** Roles as one. */
export function joinRoles(running: readonly RunningRole[]): RunningRole {
  const failed = Promise.race([never, ...running.map((role) => role.failed)])
  failed.catch(() => undefined)
  return {
    failed,
    async stop() {
      // In reverse: what was started last may still write to what was started first.
      for (const role of [...running].reverse()) await role.stop()
    },
  }
}
