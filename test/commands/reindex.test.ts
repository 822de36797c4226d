import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ended, Environment } from './run-cli.ts'
import { runHere } from './run-here.ts'
import { trainedFolder } from './trained-folder.ts'

type Release = { decidedAt: string; state: string; generation: string; reason: string }

const [g1, g2] = ['g1', 'g2'].map((start) => expect.stringMatching(`^${start}-`) as string)

/** A champion whose index is built anew, in the order in which a person would go. */
describe('reindexing', { timeout: 60_000 }, () => {
  let root: string
  let environment: Environment
  const run = (...words: string[]): Promise<Ended> => runHere(words, environment)
  const json = async (...words: string[]): Promise<unknown> => JSON.parse((await run(...words, '--json')).stdout)
  const status = async () => (await json('status')) as { generation: string; releases: Release[]; building: unknown }

  beforeAll(async () => {
    ;({ root, environment } = await trainedFolder())
  }, 60_000)
  afterAll(() => rm(root, { recursive: true, force: true }))

  it('builds the champion anew and switches to it, with who asked for it', async () => {
    const { status: ended, stdout, stderr } = await run('reindex', '--by', 'ada')
    expect(stderr).toMatch(/generation g2-[0-9a-f]{8} is complete/)
    expect(stdout).toMatch(/^m-[0-9a-f]{10} serves, from generation g2-[0-9a-f]{8}\.\n$/)
    expect(ended).toBe(0)
    expect(await status()).toMatchObject({ generation: g2, building: null })
    const { decisions } = (await json('models', 'show', 'champion')) as {
      decisions: { state: string; generation: string; reason: string; evidence: unknown }[]
    }
    expect(decisions).toMatchObject([
      { state: 'building', generation: g1 },
      { state: 'promoted', generation: g1 },
      { state: 'building', generation: g2, reason: 'Reindexing asked for by ada.', evidence: { askedForBy: 'ada', replaces: g1 } }, // prettier-ignore
      { state: 'promoted', generation: g2 },
    ])
  })

  it('finds the same pictures in the new index', async () => {
    const { hits } = (await json('search', 'a purple field')) as { hits: unknown[] }
    expect(hits.length).toBeGreaterThan(0)
  })

  it('can be taken back to the index before, and is then asked for without waiting', async () => {
    expect(await json('models', 'revert')).toMatchObject({ state: 'reverted', generation: g1 })
    const asked = await run('reindex', '--to', '1', '--no-wait')
    expect(asked.stdout).toMatch(/is being built as g3-/)
    expect(asked.stderr).toContain("Nobody builds it now: start 'pairstream serve'")
    expect(asked.status).toBe(0)
  })

  it('is refused while a generation is being built, saying what to do', async () => {
    const refused = await run('reindex')
    expect(refused.stderr).toMatch(
      /g3-\w+ of m-.* is being built; wait .* 'pairstream models revert'.*\[release-refused\]/,
    )
    expect(refused.status).toBe(1)
    const given = await run('models', 'revert')
    expect(given.stdout).toMatch(/g3-\w+ of m-.* is given up/)
    expect(await status()).toMatchObject({ generation: g1, building: null })
    expect(await json('models', 'list')).toMatchObject([{ outcome: 'reverted', champion: true }])
  })

  it('knows the models that there are', async () => {
    const unknown = await run('reindex', '--to', 'm-0000000000')
    expect(unknown.stderr).toMatch(/no model m-0000000000.*\[model-not-found\]/)
    expect(unknown.status).toBe(2)
  })
})
