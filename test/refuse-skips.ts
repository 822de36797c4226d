import type { Reporter, TestModule } from 'vitest/node'

/** The only suite that may be skipped: no registry carries its server. */
const MAY_SKIP = 'test/servers/qdrant.test.ts'

/** Names every test that was skipped; in CI a skip is a failure, for it looks like a success. */
export function refuseSkips(): Reporter {
  return {
    onTestRunEnd(modules: readonly TestModule[]) {
      const skipped = modules.flatMap(({ relativeModuleId, children }) =>
        relativeModuleId === MAY_SKIP ? [] : [...children.allTests('skipped')].map(({ fullName }) => fullName),
      )
      if (skipped.length === 0) return
      console.error(`Skipped, without being allowed to:\n${skipped.map((name) => `  ${name}`).join('\n')}`)
      if (process.env['CI'] !== undefined) process.exitCode = 1
    },
  }
}
