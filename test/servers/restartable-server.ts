import { startServer, type RunningServer, type ServerCommand } from './server-process.ts'

/** A server whose process can be killed and started again as it was, over the same data. */
export type RestartableServer = {
  signal(signal: NodeJS.Signals): void
  /** Kills the process at once and waits until it is gone. */
  kill(): Promise<void>
  /** Starts it again after `kill` or `stop`; resolves when it answers. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Starts it for the first time. */
export const startRestartable = (command: ServerCommand): Promise<RestartableServer> =>
  startRestartableBy(() => startServer(command))

/** The same of a server that `start` starts, the first time and again; it has to be where it was each time. */
export async function startRestartableBy(startAnew: () => Promise<RunningServer>): Promise<RestartableServer> {
  let server: RunningServer | null = null
  const start = async (): Promise<void> => {
    server = await startAnew()
  }
  await start()
  return {
    signal: (signal) => server?.signal(signal),
    async kill() {
      server?.signal('SIGKILL')
      await server?.ended
    },
    start,
    async stop() {
      await server?.stop()
    },
  }
}
