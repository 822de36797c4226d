import type { Reporter, TestModule, Vitest } from 'vitest/node'

/** The only suite that may be skipped, where there is no server for it: no registry carries one. */
const mayBeSkipped = (module: string): boolean =>
  module === 'test/servers/qdrant.test.ts' && (process.env['QDRANT_URL'] ?? '') === ''

/** Names every test that was skipped and fails the run, for a skip looks like a success. Tests that were chosen by name (`-t`) may stand alone. */
export function refuseSkips(): Reporter {
  let chosenByName = false
  return {
    onInit({ config }: Vitest) {
      chosenByName = config.testNamePattern !== undefined
    },
    onTestRunEnd(modules: readonly TestModule[]) {
      const skipped = modules.flatMap(({ relativeModuleId, children }) =>
        mayBeSkipped(relativeModuleId) ? [] : [...children.allTests('skipped')].map(({ fullName }) => fullName),
      )
      if (skipped.length === 0 || chosenByName) return
      console.error(`Skipped, without being allowed to:\n${skipped.map((name) => `  ${name}`).join('\n')}`)
      process.exitCode = 1
    },
  }
}
