/**
 * `npm run test:faults -- --kills 200 --seed 1 --state DIR`: kills roles over real servers that often, and counts what is lost, doubled or
 * back. It goes in rounds, each an installation of its own whose course follows from the seed and the round's number; those that are in the
 * state folder are not done again.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runKillRound, type RoundFindings } from './faults/kill-round.ts'
import { KILLS_A_ROUND } from './faults/thresholds.ts'
import { tally } from '../fixtures/fault-findings.ts'
import type { ServerAddresses } from './role-processes.ts'
import startServers from './start-servers.ts'

/** Between the seeds of two runs: more than any has rounds. */
const SEEDS_A_RUN = 10_000

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    state: { type: 'string' },
  },
})
const kills = Number(values.kills)
const seed = Number(values.seed)
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed) || seed < 0) {
  console.error('--kills takes a whole number above 0, --seed one from 0 on.')
  process.exit(2)
}
const folder = values.state ?? join(tmpdir(), `pairstream-faults-${seed}`)
const stateFile = join(folder, 'rounds.json')

/** What may be wrong: how often it was, of each. */
const faults = ['lost', 'duplicated', 'resurrected', 'inconsistent', 'missed'] as const
type Fault = (typeof faults)[number]

type Round = Omit<RoundFindings, Fault> &
  Readonly<Record<Fault, number>> & { readonly kills: number; readonly seconds: number }

async function doneBefore(): Promise<Round[]> {
  try {
    const state = JSON.parse(await readFile(stateFile, 'utf8')) as { seed: number; rounds: Round[] }
    if (state.seed === seed) return state.rounds
    console.error(`${stateFile} is of a run with the seed ${state.seed}; name another folder by --state.`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    console.error(`${stateFile} cannot be read; remove it, or name another folder by --state.`)
  }
  process.exit(2)
}

async function keep(rounds: readonly Round[]): Promise<void> {
  await writeFile(`${stateFile}.new`, `${JSON.stringify({ seed, rounds }, null, 2)}\n`)
  await rename(`${stateFile}.new`, stateFile)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

await mkdir(folder, { recursive: true })
const rounds = await doneBefore()
const provided: ServerAddresses[] = []
const stopServers = await startServers({
  provide: (_, addresses) => void provided.push(addresses),
})
const [servers] = provided
const isClean = (round: Round): boolean => faults.every((fault) => round[fault] === 0)
try {
  for (let left = kills - sum(rounds.map((round) => round.kills)); left > 0 && servers !== undefined;) {
    const inRound = Math.min(left, KILLS_A_ROUND)
    const begunAt = performance.now()
    const findings = await runKillRound({
      kills: inRound,
      seed: seed * SEEDS_A_RUN + rounds.length,
      servers,
      say: console.log,
    })
    const seconds = Math.round((performance.now() - begunAt) / 1_000)
    console.log(`round ${rounds.length + 1}, ${inRound} kills in ${seconds} s: ${tally(findings)}`)
    const { lost, duplicated, resurrected, inconsistent, missed, ...counts } = findings
    const wrong = { lost, duplicated, resurrected, inconsistent, missed }
    const lengths = {
      lost: lost.length,
      duplicated: duplicated.length,
      resurrected: resurrected.length,
      inconsistent: inconsistent.length,
      missed: missed.length,
    }
    const round: Round = { ...counts, ...lengths, kills: inRound, seconds }
    rounds.push(round)
    left -= inRound
    // It is done again when the run is resumed.
    if (!isClean(round)) {
      console.error(JSON.stringify(wrong, null, 2))
      break
    }
    await keep(rounds)
  }
} finally {
  await stopServers()
}
const total = (
  name: Fault | 'kills' | 'seconds' | 'acknowledged' | 'found' | 'erased' | 'searches' | 'refused' | 'unanswered',
) => sum(rounds.map((round) => round[name]))
const totals = (name: 'killed' | 'moments'): string => {
  const kinds = new Set(rounds.flatMap((round) => Object.keys(round[name])))
  return [...kinds].map((kind) => `${kind} ${sum(rounds.map((round) => round[name][kind] ?? 0))}`).join(', ')
}
console.log(`killed: ${totals('killed')}; what they were at: ${totals('moments')}`)
console.log(
  `${total('kills')} kills in ${total('seconds')} s: acknowledged ${total('acknowledged')}, found ${total('found')}, ` +
    `erased ${total('erased')}, ${faults.map((fault) => `${fault} ${total(fault)}`).join(', ')}; ${total('searches')} searches, ` +
    `${total('unanswered')} requests unanswered and repeated, ${total('refused')} publications of erased pairs refused`,
)
process.exit(rounds.every(isClean) ? 0 : 1)
