import { defineConfig } from 'vitest/config'
import { refuseSkips } from './test/refuse-skips.ts'

/** The suites that need real servers: `npm run test:servers` starts them. */
export default defineConfig({
  test: {
    include: ['test/servers/**/*.test.ts'],
    globalSetup: ['test/servers/start-servers.ts'],
    reporters: ['default', refuseSkips()],
    pool: 'forks',
    execArgv: ['--import', 'tsx'],
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
})
