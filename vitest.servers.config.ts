import { defineConfig } from 'vitest/config'

/** The suites that need real servers: `npm run test:servers` starts them. */
export default defineConfig({
  test: {
    include: ['test/servers/**/*.test.ts'],
    globalSetup: ['test/servers/start-servers.ts'],
    pool: 'forks',
    execArgv: ['--import', 'tsx'],
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
})
