/** What a command may touch of its surroundings. */
export type CommandContext = {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** For what was asked for, and nothing else. */
  readonly stdout: NodeJS.WriteStream
  /** For progress, remarks, errors and logs. */
  readonly stderr: NodeJS.WriteStream
  /**
   * Raised by SIGINT or SIGTERM. Whoever reads it takes over the first signal; a command that never does is ended by the
   * operating system.
   */
  readonly signal: AbortSignal
}

export const print = ({ stdout }: CommandContext, text: string): void => void stdout.write(`${text}\n`)

export const printJson = (context: CommandContext, value: unknown): void =>
  print(context, JSON.stringify(value, null, 2))

/** Says something beside the answer. */
export const remark = ({ stderr }: CommandContext, text: string): void => void stderr.write(`${text}\n`)
