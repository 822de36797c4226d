import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { hitsOfCaption, hitsOfPicture } from './faults/outside.ts'
import { createSupply, type Supplied } from './faults/supply.ts'
import { createInstallation, eventually, type Installation, type RoleProcess } from './role-processes.ts'
import { writeSceneFolder } from './scene-folder.ts'

type Json = Record<string, unknown>
type Tag = { readonly key: string; readonly value: string }
type Version = { readonly run_id: string; readonly tags: readonly Tag[] }
type ShownRun = {
  readonly info: { readonly run_name: string; readonly status: string }
  readonly data: { readonly params: readonly Tag[]; readonly metrics: readonly { key: string }[] }
}
type Point = { readonly step: number; readonly timestamp: number }
type Hit = {
  score: number
  modelVersion: string
  generation: string
  captions: { caption: string }[]
}
type Model = { outcome: string; detail: string | null; release: string | null }
type KnownPair = { image: string; pairId: string; caption: string }

const SCENES = 260
const names = ['api', 'embed', 'count', 'train', 'release', 'erase'] as const
let installation: Installation
const roles = new Map<string, RoleProcess>()

const address = (): string => roles.get('api')?.address ?? ''
const get = async (path: string): Promise<{ status: number; body: Json }> => {
  const response = await fetch(address() + path)
  return { status: response.status, body: (await response.json()) as Json }
}
const hits = async (query: string): Promise<Hit[]> =>
  ((await get(`/v1/search?q=${encodeURIComponent(query)}&limit=10`)).body['hits'] as Hit[] | undefined) ?? []
const models = async (): Promise<Model[]> => (await get('/v1/models')).body['models'] as Model[]
/** Whether a search among captions by its own words, and one among pictures by its own picture, show the pair. */
async function isFound({ image, pairId, caption }: KnownPair): Promise<boolean[]> {
  const answers = await Promise.all([hitsOfCaption(address(), caption), hitsOfPicture(address(), image)])
  return answers.map((hits) => hits.some(({ captions }) => captions.some((own) => own.pairId === pairId)))
}
const releases = async (): Promise<{ state: string; modelVersion: string }[]> =>
  (await get('/v1/releases')).body['releases'] as { state: string; modelVersion: string }[]

const valueOf = (tags: readonly Tag[] | undefined, name: string): string | undefined =>
  tags?.find(({ key }) => key === name)?.value

const streamed = { count: SCENES, part: 'stream' } as const
/** A pair of each of the first pictures that were streamed. */
async function streamedPairs(count: number): Promise<KnownPair[]> {
  const supply = createSupply(streamed)
  const pictures: Supplied[] = []
  while (pictures.length < count) pictures.push(await supply())
  return pictures.flatMap(({ image, pairs }) => pairs.slice(0, 1).map((pair) => ({ image, ...pair })))
}

beforeAll(async () => {
  installation = await createInstallation({
    FIRST_TRAINING_PAIRS: '200',
    TRAINING_EPOCHS: '6',
    BLOB_GRACE_SECONDS: '0',
  })
  for (const name of names) roles.set(name, await installation.start([name]))
})
afterAll(() => installation.stop())

describe('the whole flow over Kafka, a process a role', { timeout: 240_000 }, () => {
  it('publishes from a process of its own, asks for a training, releases, and finds', async () => {
    const folder = await temporaryFolder()
    const pairs = await writeSceneFolder(join(folder, 'first'), { count: SCENES, part: 'first' })
    const published = await installation.run('publish', join(folder, 'first'), '--json')
    expect(published.status, published.stderr).toBe(0)
    const { accepted, duplicate, rejected } = JSON.parse(published.stdout) as Record<string, number>
    expect([(accepted ?? 0) + (duplicate ?? 0), rejected]).toEqual([pairs, 0])

    await eventually(releases, (all) => all.some(({ state }) => state === 'promoted'), 180_000)
    await roles.get('api')?.ready()
    const found = await hits('a red circle')
    expect(found).toHaveLength(10)
    expect([...new Set(found.map(({ generation }) => generation))]).toEqual([expect.stringMatching(/^g1-/)])
    expect(found.filter(({ captions }) => captions.some(({ caption }) => /red/.test(caption))).length).toBeGreaterThan(
      3,
    )
  })

  it('sees the threshold crossed by what is streamed, and trains again', async () => {
    const before = await models()
    const folder = await temporaryFolder()
    await writeSceneFolder(join(folder, 'stream'), streamed)
    const published = await installation.run('publish', join(folder, 'stream'), '--json')
    expect(published.status, published.stderr).toBe(0)
    // The newest is the first. A failed or superseded training is listed too, and nothing is ever decided about it.
    const [retrained] = await eventually(
      models,
      (all) =>
        all.slice(0, all.length - before.length).some(({ outcome, release }) => outcome !== 'trained' || release),
      180_000,
    )
    expect(retrained).toMatchObject({ outcome: 'trained', detail: null })
    await eventually(
      async () => (await get('/v1/status')).body['lag'] as Record<string, number>,
      (lag) => Object.values(lag).every((records) => records === 0),
      120_000,
    )
    // Whichever model serves.
    const pairs = await streamedPairs(20)
    expect(await Promise.all(pairs.map(isFound))).toEqual(pairs.map(() => [true, true]))
  })

  it('erases from everywhere, and gives a receipt', async () => {
    const [pair] = await streamedPairs(1)
    if (pair === undefined) throw new Error('Nothing was streamed.')
    expect(await isFound(pair)).toEqual([true, true])
    expect((await fetch(`${address()}/v1/pairs/${pair.pairId}`, { method: 'DELETE' })).status).toBe(202)
    await eventually(
      () => get(`/v1/erasures/${pair.pairId}`),
      ({ body }) => body['state'] === 'done',
    )
    const again = await get(`/v1/pairs/${pair.pairId}`)
    expect(again.body).toMatchObject({ status: 'erased' })
    expect(await isFound(pair)).toEqual([false, false])
  })

  it('shows in MLflow the run of the training, its version, and the model that serves as its champion', async () => {
    const name = installation.environment['MLFLOW_NAME'] ?? ''
    const ask = async <T>(path: string, query: Readonly<Record<string, string>>): Promise<T> => {
      const address = `${inject('servers').mlflow}/api/2.0/mlflow/${path}?${new URLSearchParams(query).toString()}`
      return (await (await fetch(address)).json()) as T
    }
    // By the alias to the version, and by the version to its run.
    const { champion, modelVersion } = await eventually(
      async () => ({
        champion: (await ask<{ model_version?: Version }>('registered-models/alias', { name, alias: 'champion' }))
          .model_version,
        // The newest is the first.
        modelVersion: (await releases()).find(({ state }) => state === 'promoted' || state === 'reverted')
          ?.modelVersion,
      }),
      ({ champion, modelVersion }) =>
        valueOf(champion?.tags, 'pairstream.model_version') === modelVersion &&
        valueOf(champion?.tags, 'decision') !== undefined,
    )
    const runId = champion?.run_id ?? ''
    const { run } = await ask<{ run: ShownRun }>('runs/get', { run_id: runId })
    expect(run.info).toMatchObject({ run_name: modelVersion, status: 'FINISHED' })
    expect(valueOf(run.data.params, 'maximumEpochs')).toBe('6')
    expect(run.data.metrics.map(({ key }) => key)).toContain('text_to_image_success_10')
    for (const metric_key of ['loss', 'development_recall_10']) {
      const { metrics } = await ask<{ metrics: Point[] }>('metrics/get-history', { run_id: runId, metric_key })
      expect(metrics.length, metric_key).toBeGreaterThan(1)
      expect(metrics.map(({ step }) => step)).toEqual(metrics.map((_, index) => index + 1))
      // Each epoch has a time of its own: that at which it ended.
      expect(new Set(metrics.map(({ timestamp }) => timestamp)).size).toBe(metrics.length)
    }
    const { files } = await ask<{ files: { path: string }[] }>('artifacts/list', { run_id: runId })
    // With the plot of how well relevance was fitted, where there are pictures enough.
    const others = files.map(({ path }) => path).filter((path) => path !== 'reliability.svg')
    expect(others.sort()).toEqual(['manifest.json', 'releases.json'])
  })

  it('stops each role within ten seconds of SIGTERM, with status 0', async () => {
    for (const [name, role] of roles) {
      const { status, milliseconds } = await role.stop()
      expect([name, status], role.said()).toEqual([name, 0])
      expect(milliseconds, name).toBeLessThan(10_000)
    }
  })
})
