import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isClean, tally } from '../../fixtures/fault-findings.ts'
import type { RoundFindings } from './kill-round.ts'

/** A round as it went, whatever it showed. */
export type Attempt = {
  readonly kills: number
  readonly seconds: number
  /** Null where it did not come to its end. */
  readonly findings: RoundFindings | null
  /** Why it did not; null also where somebody has interrupted it. */
  readonly error: string | null
}

/** Every attempt of a run, in a file that outlives the program: what was seen once is not forgotten when the round is done again. */
export type Attempts = {
  readonly all: readonly Attempt[]
  /** Notes that one begins, then gives what keeps how it ended. */
  begin(kills: number): Promise<(end: Omit<Attempt, 'kills'>) => Promise<void>>
}

/** What attempts must have in common to be added up. */
export type Run = {
  readonly seed: number
  /** What tells the program from another: kills of an older one say nothing of it. */
  readonly build: string
}

/** The attempts that `folder` knows of this run. Throws where those are of another, or cannot be read. */
export async function openAttempts(folder: string, { seed, build }: Run): Promise<Attempts> {
  const file = join(folder, 'attempts.json')
  await mkdir(folder, { recursive: true })
  const all = await attemptsIn(file, { seed, build })
  const save = async (): Promise<void> => {
    await writeFile(`${file}.new`, `${JSON.stringify({ seed, build, attempts: all }, null, 2)}\n`)
    await rename(`${file}.new`, file)
  }
  return {
    all,
    async begin(kills) {
      const at = all.push({ kills, seconds: 0, findings: null, error: null }) - 1
      await save()
      return async (end) => {
        all[at] = { kills, ...end }
        await save()
      }
    },
  }
}

async function attemptsIn(file: string, { seed, build }: Run): Promise<Attempt[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  })
  if (text === null) return []
  const state = stateIn(text)
  if (state === null) throw new Error(`${file} cannot be read; remove it, or name another folder by --state.`)
  const other =
    state.seed !== seed ? `a run with the seed ${state.seed}` : state.build !== build ? 'another build' : null
  if (other !== null) throw new Error(`${file} is of ${other}; name another folder by --state.`)
  return state.attempts
}

function stateIn(text: string): (Run & { attempts: Attempt[] }) | null {
  try {
    return JSON.parse(text) as Run & { attempts: Attempt[] }
  } catch {
    return null
  }
}

const isFull = ({ findings }: Attempt): boolean =>
  findings !== null && isClean(findings) && findings.missed.length === 0

/** Whether it speaks against the system: something is wrong, or nobody could look. */
const isFailed = ({ findings, error }: Attempt): boolean => error !== null || (findings !== null && !isClean(findings))

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

/** The kills that are left to do: only a round that went as it should counts. */
export const killsLeft = (attempts: readonly Attempt[], kills: number): number =>
  kills - sum(attempts.filter(isFull).map((attempt) => attempt.kills))

/** Whether all kills are done and not one attempt speaks against the system. */
export const isPassed = (attempts: readonly Attempt[], kills: number): boolean =>
  killsLeft(attempts, kills) <= 0 && !attempts.some(isFailed)

/** How one attempt went, in a line. */
export function told({ kills, seconds, findings, error }: Attempt): string {
  if (findings === null) return `${kills} kills wanted: ${error ?? 'interrupted'}`
  const missed = findings.missed.map((what) => `; missed: ${what}`).join('')
  return `${kills} kills in ${seconds} s: ${tally(findings)}${missed}`
}

/** What all attempts that came to their end have shown together, in lines. */
export function summary(attempts: readonly Attempt[]): string[] {
  const ended = attempts.flatMap(({ findings }) => findings ?? [])
  const total = (of: (findings: RoundFindings) => number): number => sum(ended.map(of))
  const totals = (name: 'killed' | 'moments' | 'behind'): string => {
    const kinds = new Set(ended.flatMap((findings) => Object.keys(findings[name])))
    return [...kinds].map((kind) => `${kind} ${total((findings) => findings[name][kind] ?? 0)}`).join(', ')
  }
  const counted = attempts.filter(({ findings }) => findings !== null)
  const faults = (['lost', 'duplicated', 'resurrected', 'inconsistent', 'missed'] as const)
    .map((fault) => `${fault} ${total((findings) => findings[fault].length)}`)
    .join(', ')
  return [
    `killed: ${totals('killed')}; what they were at: ${totals('moments')}; with records waiting: ${totals('behind')}`,
    `away for longer than a session ${total(({ longAbsences }) => longAbsences)}, killed while another was away ` +
      `${total(({ overlapping }) => overlapping)}, taken over by a survivor ${total(({ takeovers }) => takeovers)}`,
    `${attempts.length} attempts, of which ${attempts.filter(isFull).length} full, ${attempts.filter(isFailed).length} failed`,
    `${sum(counted.map(({ kills }) => kills))} kills in ${sum(counted.map(({ seconds }) => seconds))} s: ` +
      `acknowledged ${total(({ acknowledged }) => acknowledged)}, found ${total(({ found }) => found)}, ` +
      `of these by caption ${total(({ byCaption }) => byCaption)} and by picture ${total(({ byPicture }) => byPicture)}, ` +
      `erased ${total(({ erased }) => erased)}, ${faults}; ${total(({ searches }) => searches)} searches, ` +
      `${total(({ unanswered }) => unanswered)} requests unanswered and repeated, ` +
      `${total(({ refused }) => refused)} publications of erased pairs refused`,
  ]
}
