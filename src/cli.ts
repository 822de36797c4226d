#!/usr/bin/env node
import type { CommandContext } from './commands/context.ts'
import { runProgram } from './commands/run-program.ts'
import { listenForStop } from './commands/stop-signal.ts'

const { stdout, stderr } = process

// Whoever reads the output may have had enough of it: `pairstream models list | head -1`.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    throw error
  })
}

let signal: AbortSignal | null = null
const context: CommandContext = {
  environment: process.env,
  stdout,
  stderr,
  get signal() {
    return (signal ??= listenForStop())
  },
}

const status = await runProgram(process.argv.slice(2), context)
// Native libraries may keep threads that would hold the process; nothing of ours is left to do once the output is out.
await Promise.all([stdout, stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))))
process.exit(status)
