import { defineConfig } from 'vitest/config'
import { refuseSkips } from './test/refuse-skips.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/servers/**'],
    // Processes that tests fork from source inherit these flags, as `node --import tsx` would give them.
    reporters: ['default', refuseSkips()],
    pool: 'forks',
    execArgv: ['--import', 'tsx'],
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
