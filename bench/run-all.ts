/**
 * Runs every benchmark, one after another, with the words of its own command line:
 *
 *     node --import tsx bench/run-all.ts [--quick] [--data DIR] [--dataset DIR] [--backbone DIR] [--json] [--update]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const names = [
  'embedding-throughput',
  'search-latency',
  'http-search',
  'freshness',
  'log-throughput',
  'training',
  'large-data-set',
  'kafka-embedding',
  'kafka-log',
  'role-memory',
]

for (const name of names) {
  process.stderr.write(`\n${name}\n`)
  const words = ['--import', 'tsx', join(import.meta.dirname, `${name}.ts`), ...process.argv.slice(2)]
  const child = spawn(process.execPath, words, { stdio: 'inherit' })
  await once(child, 'exit')
  // The others are still worth having.
  if (child.exitCode !== 0) process.exitCode = 1
}
