import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPlatform } from '../../src/bootstrap.ts'
import { loadConfig } from '../../src/config.ts'
import { publishSource } from '../../src/producers/publish-source.ts'
import { scenesSource } from '../../src/producers/scenes/scenes-source.ts'
import { createServices } from '../../src/roles/services.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { startCli, type Ended, type Environment } from './run-cli.ts'
import { runHere } from './run-here.ts'

type Rung = { trials: number; folds: number; epochs: number; standings: { trial: number; mean: number }[] }
type Report = { tuning: string; winner: number; score: number; gain: number; adopted: boolean; isDefault: boolean; rungs: Rung[] } // prettier-ignore

/** So few pairs make one step an epoch by default, of whose weights the average keeps nearly nothing. */
const muchBetter = {
  learningRate: { choices: [0.004, 0.01, 0.02] },
  averageDecay: { choices: [0.5] },
  batchSize: { choices: [16] },
}

/** Draws scenes and publishes them into a data folder. */
async function publishScenes(environment: Environment): Promise<void> {
  const config = loadConfig(environment)
  const platform = await openPlatform(config, 'own')
  const metrics = createMetrics({ processMetrics: false })
  const services = await createServices(platform, createLogger({ level: 'silent' }), metrics)
  await publishSource(scenesSource({ count: 90, seed: 5 }), services.publisher)
  await services.closeServices()
  await platform.close()
}

/** Searches as a person would go about them, one after the other in a data folder; another folder with the same data beside it. */
describe('pairstream tune', { timeout: 300_000 }, () => {
  let root: string
  let environment: Environment
  let elsewhere: Environment
  let small: readonly string[]
  const run = (...words: string[]): Promise<Ended> => runHere(words, environment)
  const search = (...words: string[]) => run('tune', ...small, ...words)
  const parse = ({ stdout, stderr }: Ended) => {
    expect(stderr).not.toContain('error')
    return JSON.parse(stdout) as Report
  }
  let report: Report

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'pairstream-'))
    const space = join(root, 'space.json')
    await writeFile(space, JSON.stringify(muchBetter))
    small = ['--trials', '4', '--folds', '2', '--space', space]
    environment = { DATA_DIR: join(root, 'data'), TRAINING_EPOCHS: '6', THREADS: '1' }
    elsewhere = { ...environment, DATA_DIR: join(root, 'other') }
    await publishScenes(environment)
    await cp(join(root, 'data'), join(root, 'other'), { recursive: true })
  }, 60_000)
  afterAll(() => rm(root, { recursive: true, force: true }))

  it('goes on after it was killed, to the same winner as one that ran through', async () => {
    const killed = startCli(['tune', ...small, '--no-adopt'], elsewhere)
    // In the second rung, when a third of the trainings are done.
    await killed.said(/rung 1\/2: 4 trials/)
    killed.kill('SIGKILL')
    await killed.ended
    const [digest = ''] = (await readdir(join(root, 'other', 'tune'))).filter((name) => !name.startsWith('lock'))
    const recordsOf = async () => (await readFile(join(root, 'other', 'tune', digest, 'trainings.jsonl'), 'utf8')).split('\n') // prettier-ignore
    const before = (await recordsOf()).filter((line) => line !== '')
    expect(before.length).toBeGreaterThanOrEqual(4)
    const resumed = parse(await runHere(['tune', ...small, '--no-adopt', '--json'], elsewhere))
    const after = (await recordsOf()).filter((line) => line !== '')
    expect(after.slice(0, before.length)).toEqual(before)
    expect(after).toHaveLength(8)

    const through = await search('--no-adopt', '--json')
    report = parse(through)
    expect(resumed.rungs).toEqual(report.rungs)
    expect(resumed.winner).toBe(report.winner)
    expect(resumed.tuning).toBe(report.tuning)
    expect(report.rungs.map(({ trials, folds, epochs }) => [trials, folds, epochs])).toEqual([[4, 1, 2], [2, 2, 6]]) // prettier-ignore
    expect(through.stderr).toMatch(/rung 2\/2: 2 trials, 6 epochs on 2 folds, best \d+\.\d % \(trial \d\)/)
  })

  it('that only shows changes nothing', async () => {
    expect(report).toMatchObject({ adopted: false, isDefault: false })
    expect(report.winner).toBeGreaterThan(1)
    expect(report.gain).toBeGreaterThan(0)
    const { stdout } = await run('tune', '--show')
    expect(stdout).toContain("'pairstream tune' searches for better ones")
  })

  it('makes the best the default of later trainings, once', async () => {
    const { stdout } = await search('--by', 'ada')
    expect(stdout).toMatch(/trial +rung 1 \(2 ep\., 1 f\.\) +rung 2 \(6 ep\., 2 f\.\) +differs in/)
    expect(stdout).toMatch(/averageDecay 0\.5, batchSize 16/)
    expect(stdout).toMatch(/\d\d?\.\d ± \d+\.\d/)
    expect(stdout).toMatch(/Trial \d \(\+\d+\.\d points\) is the default of later trainings/)
    const shown = JSON.parse((await run('tune', '--show', '--json')).stdout) as object
    expect(shown).toMatchObject({
      source: 'tuned',
      hyperparameters: { batchSize: 16, maximumEpochs: 6 },
      adopted: { adoptedBy: 'ada', tuning: report.tuning, score: report.score, values: { batchSize: 16 } },
    })
    const again = parse(await search('--json'))
    expect(again).toMatchObject({ tuning: report.tuning, adopted: false, isDefault: true })
    expect((await search()).stdout).toContain('is the default already')
  })

  it('is what the next model is trained with', async () => {
    expect((await run('train', '--wait')).status).toBe(0)
    const { stdout } = await run('models', 'show', '1', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ manifest: { training: { hyperparameters: { batchSize: 16 } } } })
  })

  it('goes back to what is built in', async () => {
    expect((await run('tune', '--reset')).stdout).toContain('go back to the built-in hyperparameters')
    expect(JSON.parse((await run('tune', '--reset', '--json')).stdout)).toEqual({ reset: false })
    expect(JSON.parse((await run('tune', '--show', '--json')).stdout)).toMatchObject({
      source: 'built-in',
      hyperparameters: { batchSize: 128 },
      adopted: null,
    })
  })

  it('stops cleanly, and says how to go on', async () => {
    const started = startCli(['tune', ...small, '--seed', '7'], environment)
    await started.said(/rung 1\/2/)
    started.kill('SIGINT')
    const { status, stdout, stderr } = await started.ended
    expect(stderr).toContain('Stopped before the end; the same command goes on from here.')
    expect(stderr).not.toContain('error')
    expect([status, stdout]).toEqual([130, ''])
  })

  it('refuses a search space that cannot be searched, naming the field', async () => {
    const space = join(root, 'wrong.json')
    await writeFile(space, JSON.stringify({ batchSize: { choices: [0] } }))
    const refused = await run('tune', '--space', space)
    expect(refused.stderr).toMatch(/batchSize\.choices\.0: must be a whole number.*\[invalid-request\]/)
    expect(refused.status).toBe(2)
    await writeFile(space, '{')
    expect((await run('tune', '--space', space)).stderr).toContain('wrong.json is no JSON file')
    expect((await run('tune', '--space', join(root, 'none.json'))).status).toBe(2)
  })
})
