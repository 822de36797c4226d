import { viewReleases } from '../../../src/core/release-chain.ts'
import { eventually } from '../role-processes.ts'
import { postJson } from './ask.ts'
import type { Scene } from './begin.ts'

export type Upheaval = 'retraining' | 'reindex' | 'revert'

/** What happens to the release in the course of a round, so that deaths meet builds, switches, trainings and retirements. */
export type Upheavals = {
  /** A retraining begins at once, the others when those before have ended. */
  begin(upheaval: Upheaval): void
  /** Waits for all; what went wrong, in words. */
  ended(): Promise<readonly string[]>
}

const PATIENCE = 60_000

export function startUpheavals({ installation, address, outside }: Scene, say: (line: string) => void): Upheavals {
  const view = async () => viewReleases((await outside()).catalogue.releases())

  const acts: Record<Upheaval, () => Promise<unknown>> = {
    retraining: () =>
      eventually(
        () => postJson(`${address}/v1/retraining`, {}),
        (answer) => answer?.status === 202,
        PATIENCE,
      ),
    async reindex() {
      await eventually(view, ({ build }) => build === null, PATIENCE)
      // What is decided at the same moment comes first, and the command is refused.
      await eventually(
        () => installation.run('reindex', '--no-wait', '--json'),
        ({ status }) => status === 0,
        PATIENCE,
      )
    },
    /**
     * Only while the release before is kept there is one to go back to: right after another has taken its place, or not at all. And
     * where a retraining has begun to build meanwhile, the command gives that up instead.
     */
    revert: () =>
      eventually(
        async () => {
          const before = (await view()).serving?.generation
          await acts.reindex()
          await eventually(view, ({ build, serving }) => build === null && serving?.generation !== before, PATIENCE)
          await installation.run('models', 'revert', '--json')
          return (await outside()).catalogue.releases()
        },
        (releases) => releases.some(({ state }) => state === 'reverted'),
        2 * PATIENCE,
      ),
  }
  const wrong: string[] = []
  const act = async (upheaval: Upheaval): Promise<void> => {
    say(upheaval)
    await acts[upheaval]().catch((error: unknown) => wrong.push(`${upheaval}: ${String(error)}`))
  }
  const retrainings: Promise<void>[] = []
  let last: Promise<void> = Promise.resolve()
  return {
    begin(upheaval) {
      if (upheaval === 'retraining') retrainings.push(act(upheaval))
      else last = last.then(() => act(upheaval))
    },
    async ended() {
      await Promise.all([...retrainings, last])
      return wrong
    },
  }
}
