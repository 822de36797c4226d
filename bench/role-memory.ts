/**
 * The most memory that each role's process has had resident, over real servers, after a load of some thousand pairs:
 *
 *     node --import tsx bench/role-memory.ts [--quick] [--dataset DIR] [--backbone DIR] [--threads 2] [--json] [--update]
 *
 * Runs the built program (`npm run build`), on Linux. Starts Kafka, a schema registry, MinIO and MLflow, and downloads them the first time;
 * Qdrant takes the points where `QDRANT_URL` is set. About five minutes.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { roles, type Role } from '../src/config.ts'
import { dropCollections, qdrantKey } from '../test/servers/index-collections.ts'
import { minioKeys, startMinio } from '../test/servers/minio.ts'
import { startMlflow } from '../test/servers/mlflow.ts'
import { startSharedIndex } from '../test/servers/shared-index.ts'
import { withFolder } from './support/bench-services.ts'
import { closedLoops } from './support/closed-loops.ts'
import { createHttpCaller } from './support/http-caller.ts'
import { logSettings, startKafkaServers } from './support/kafka-servers.ts'
import { progress } from './support/machine.ts'
import { readOptions } from './support/options.ts'
import { benchSource, readPictures, type BenchPicture } from './support/pictures.ts'
import { present } from './support/report.ts'
import { peaksOf, watchChildren } from './support/resident-memory.ts'
import { createRolePrograms } from './support/role-programs.ts'

const options = readOptions()
const { quick } = options
const PICTURES = quick ? 60 : 2_000
/** The share that the first training waits for; the others are streamed into the serving generation. */
const FIRST = 0.8
const SEARCHING = quick ? 2_000 : 30_000
const CLIENTS = 5
const QUERY_PICTURES = 100
/** For a training and its release, and for the last pair to be searchable, in milliseconds. */
const LONGEST_WAIT = 900_000
const MOST = 2_000_000_000
const bounded: readonly Role[] = ['api', 'embed']
const qdrant = process.env['QDRANT_URL'] ?? ''

/** Pictures as a person would have them: files, and `captions.jsonl` beside them. Gives the number of pairs. */
async function writeFolder(folder: string, pictures: readonly BenchPicture[]): Promise<number> {
  await mkdir(folder, { recursive: true })
  const lines: string[] = []
  for (const [number, { bytes, captions }] of pictures.entries()) {
    const image = `picture-${number}.jpg`
    await writeFile(join(folder, image), bytes)
    for (const caption of captions) lines.push(JSON.stringify({ image, caption }))
  }
  await writeFile(join(folder, 'captions.jsonl'), `${lines.join('\n')}\n`)
  return lines.length
}

await withFolder(async (folder) => {
  const { title, source } = await benchSource(options, PICTURES)
  const pictures = await readPictures(source, 0, PICTURES)
  const first = Math.floor(pictures.length * FIRST)
  const pairs = await writeFolder(join(folder, 'first'), pictures.slice(0, first))
  const streamed = await writeFolder(join(folder, 'streamed'), pictures.slice(first))
  const stops: (() => Promise<void>)[] = []
  try {
    const servers = await startKafkaServers(folder)
    stops.push(servers.stop)
    const minio = await startMinio(join(folder, 'minio'))
    stops.push(minio.stop)
    const mlflow = await startMlflow(join(folder, 'mlflow'))
    stops.push(mlflow.stop)
    const index = await startSharedIndex()
    stops.push(() => index.stop())
    // A Qdrant outlives the run: it must hold nothing of another before, and nothing of this one after.
    const prefix = `memory-${randomUUID().slice(0, 8)}-`
    stops.push(() => dropCollections(index.address, prefix))
    const programs = createRolePrograms(folder, {
      ...logSettings(servers, 'memory.', 12),
      INDEX_URL: index.address,
      ...qdrantKey(),
      QDRANT_PREFIX: prefix,
      BLOB_URL: 's3://memory',
      S3_ENDPOINT: minio.address,
      S3_ACCESS_KEY: minioKeys.accessKeyId,
      S3_SECRET_KEY: minioKeys.secretAccessKey,
      TRACKING_URL: mlflow.address,
      BACKBONE_DIR: options.backbone ?? undefined,
      THREADS: options.threads,
      // Three quarters of the pairs at least are counted: the others are held out.
      FIRST_TRAINING_PAIRS: Math.floor(pairs * 0.75),
      LOG_LEVEL: 'warn',
    })
    stops.push(programs.stop)
    const running = new Map((await Promise.all(roles.map(programs.start))).map((program) => [program.role, program]))
    const api = running.get('api')?.address ?? ''
    const pids = new Map([...running].map(([role, { pid }]) => [role, pid]))
    const peaks = () => peaksOf(pids)
    /** Fails when it takes too long, and when one of the processes has ended. */
    const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
      const deadline = performance.now() + LONGEST_WAIT
      while (!(await isSo())) {
        await peaks()
        if (performance.now() > deadline)
          throw new Error(`After ${LONGEST_WAIT / 60_000} minutes it is not so that ${what}.`)
        await delay(200)
      }
    }
    const idle = await peaks()
    const training = watchChildren(running.get('train')?.pid ?? -1)
    const judging = watchChildren(running.get('release')?.pid ?? -1)
    progress(`${running.size} roles run`)

    const http = createHttpCaller(api, CLIENTS)
    stops.push(async () => http.close())
    const status = async () =>
      JSON.parse(await http.get('/v1/status')) as { release: object | null; lag: Readonly<Record<string, number>> }
    await programs.run('publish', join(folder, 'first'), '--json')
    progress(`${pairs} pairs are published`)
    let isPromoted = false
    await until('a model serves', async () => {
      if ((await status()).release !== null) return true
      // The gate may hold back what saw little.
      const { releases } = JSON.parse(await http.get('/v1/releases')) as { releases: { state: string }[] }
      if (!isPromoted && releases.some(({ state }) => state === 'rejected' || state === 'inconclusive')) {
        isPromoted = true
        await programs.run('models', 'promote', '1', '--by', 'bench', '--json')
      }
      return false
    })
    progress('a model serves')
    await programs.run('publish', join(folder, 'streamed'), '--json')
    const captions = pictures.flatMap((picture) => picture.captions.slice(0, 1))
    await closedLoops(captions, CLIENTS, SEARCHING / 2, async (caption) => {
      await http.get(`/v1/search?q=${encodeURIComponent(caption)}&limit=10`)
    })
    const queries = pictures.slice(0, QUERY_PICTURES).map(({ bytes }) => Buffer.from(bytes).toString('base64'))
    await closedLoops(queries, CLIENTS, SEARCHING / 2, async (image) => {
      await http.post('/v1/search', { image, limit: 10 })
    })
    await until('all pairs are searchable', async () =>
      Object.values((await status()).lag).every((records) => records === 0),
    )
    progress('all pairs are searchable')

    const loaded = await peaks()
    const [trainingPeak, judgingPeak] = [training.stop(), judging.stop()]
    const megabytes = (bytes: number | undefined) =>
      bytes === undefined || bytes === 0 ? '–' : Math.round(bytes / 1e6)
    const childOf = new Map<Role, number>([
      ['train', trainingPeak],
      ['release', judgingPeak],
    ])
    await present(
      {
        name: 'role-memory',
        setting: [
          `Load: ${title}: ${pictures.length.toLocaleString('en-GB')} pictures, ${(pairs + streamed).toLocaleString('en-GB')} pairs published, a model trained on ${Math.round(FIRST * 100)} % and released, the others streamed, ${SEARCHING / 1_000} s of searches by ${CLIENTS} clients, half of the time by picture; ${options.threads} threads.`,
          `Kafka, schema registry, MinIO, MLflow and ${qdrant === '' ? 'an index in the memory of the benchmark' : 'Qdrant'}; a process a role. Peaks of resident memory as the kernel counts them (VmHWM), shared libraries included; 1 MB is 10^6 bytes.`,
        ],
        tables: [
          {
            columns: ['role', 'idle, MB', 'peak, MB', 'peak of a process that it starts, MB'],
            rows: roles.map((role) => [
              role,
              megabytes(idle.get(role)),
              megabytes(loaded.get(role)),
              megabytes(childOf.get(role)),
            ]),
          },
        ],
        targets: bounded.map((role) => ({
          what: `${role} stays under 2 GB`,
          met: (loaded.get(role) ?? Number.POSITIVE_INFINITY) < MOST,
        })),
      },
      options,
    )
  } finally {
    for (const stop of stops.toReversed()) await stop()
  }
})
