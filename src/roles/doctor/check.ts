import type { ServerCheck } from '../../bootstrap.ts'
import { AppError, toAppError } from '../../core/errors.ts'

/** What a check saw. A fact is as it should be, a warning should be looked at, a problem keeps something from working. */
export type Finding = {
  readonly level: 'fact' | 'warning' | 'problem'
  readonly text: string
  /** What to do about it; null for a fact, and where the text says it. */
  readonly fix: string | null
}

/** A question to one part of the system, cheap enough to be asked at any time, beside a running process too. */
export type Check = {
  readonly name: string
  /** `advanced` is to be called by what takes long whenever it has come further. */
  run(advanced: () => void): Promise<readonly Finding[]>
}

export type Examined = { readonly name: string; readonly findings: readonly Finding[] }

export const fact = (text: string): Finding => ({ level: 'fact', text, fix: null })
export const warning = (text: string, fix: string): Finding => ({ level: 'warning', text, fix })
export const problem = (text: string, fix: string): Finding => ({ level: 'problem', text, fix })

/** What a driver knows to ask its own server. */
export const ofServer = ({ name, run }: ServerCheck): Check => ({
  name,
  async run() {
    const findings = await run()
    if (findings.length === 0) return [fact('as it should be')]
    return findings.map((finding) => ({ ...finding, fix: null }))
  },
})

/** How long a check may stand still, in milliseconds: whoever asks why nothing works must not wait for ever too. */
const PATIENCE = 30_000

/** Asks; a check that fails or hangs has found that. Never throws. */
export async function examine({ name, run }: Check, patience = PATIENCE): Promise<Examined> {
  let timer: NodeJS.Timeout | undefined
  let fail: (error: AppError) => void = () => undefined
  const silence = new Promise<never>((_, reject) => (fail = reject))
  const late = () => fail(new AppError('not-ready', `No answer within ${Math.round(patience / 1_000)} s.`))
  const advanced = (): void => {
    clearTimeout(timer)
    timer = setTimeout(late, patience)
  }
  advanced()
  try {
    return { name, findings: await Promise.race([run(advanced), silence]) }
  } catch (error) {
    return { name, findings: [failureOf(error)] }
  } finally {
    clearTimeout(timer)
  }
}

/** The failure of what was tried, as a finding. */
export function failureOf(error: unknown): Finding {
  const { code, kind, message } = toAppError(error)
  const fix = {
    // The details of these say what to do.
    invalid: null,
    unavailable: 'Start it or make it reachable, and ask again.',
    internal: 'Run it again with LOG_LEVEL=debug, and report what it says.',
  }[kind]
  return { level: 'problem', text: `${message} [${code}]`, fix }
}
