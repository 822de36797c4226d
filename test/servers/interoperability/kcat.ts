import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { exampleLines } from './document-examples.ts'

const runFile = promisify(execFile)

export type KcatVariables = Readonly<Record<string, string>>

/** What a line of the document's example for kcat does. */
export type KcatAction = 'read' | 'readValues' | 'publish' | 'erase'

const signs: Readonly<Record<KcatAction, RegExp>> = {
  read: /-C .*%h/,
  readValues: /-C .*%R/,
  publish: /-P .*value\.bin/,
  erase: /-P .*-Z/,
}

/** Runs the line of the document with the variables that it names, in `folder`; the bytes that it prints. */
export async function runKcat(action: KcatAction, folder: string, variables: KcatVariables): Promise<Buffer> {
  const lines = exampleLines('kcat').filter((line) => signs[action].test(line))
  const [line] = lines
  if (line === undefined || lines.length > 1) throw new Error(`docs/events.md must have one line of kcat to ${action}.`)
  const { stdout } = await runFile('bash', ['-c', line], {
    cwd: folder,
    env: { ...process.env, ...variables },
    encoding: 'buffer',
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}

/** The values that kcat printed, each after its length (`%R%s`); none for records that erase. */
export function splitValues(printed: Buffer): Buffer[] {
  const values: Buffer[] = []
  for (let at = 0; at < printed.length;) {
    const length = printed.readInt32BE(at)
    at += 4
    if (length < 0) continue
    values.push(printed.subarray(at, at + length))
    at += length
  }
  return values
}
