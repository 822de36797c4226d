import { PassThrough } from 'node:stream'
import { runProgram } from '../../src/commands/run-program.ts'
import type { Ended, Environment } from './run-cli.ts'

function capture() {
  const stream = new PassThrough()
  let text = ''
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  // Not a terminal, which is all that commands look for beyond a stream.
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text }
}

/** Runs the command line in this process, which spares loading everything again. */
export async function runHere(words: readonly string[], environment: Environment): Promise<Ended> {
  const [stdout, stderr] = [capture(), capture()]
  const { signal } = new AbortController()
  const status = await runProgram(words, { environment, stdout: stdout.stream, stderr: stderr.stream, signal })
  return { status, stdout: stdout.text(), stderr: stderr.text() }
}
