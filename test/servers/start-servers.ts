import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startKafka } from './kafka.ts'
import { startMinio } from './minio.ts'
import { startMlflow } from './mlflow.ts'
import { startRegistry } from './registry.ts'
import { startSharedIndex } from './shared-index.ts'

/** What every starter gives: the address, and how to end it. */
export type StartedServer = { readonly address: string; stop(): Promise<void> }

const starters = {
  kafka: startKafka,
  registry: startRegistry,
  minio: startMinio,
  mlflow: startMlflow,
  index: startSharedIndex,
}
type ServerName = keyof typeof starters

declare module 'vitest' {
  export interface ProvidedContext {
    /** `host:port` of Kafka, URLs of the others; empty where `SERVERS` leaves it out. */
    servers: Readonly<Record<ServerName, string>>
  }
}

/** Starts every server once for all suites; `SERVERS=kafka,registry` starts only these, for work on one driver. */
export default async function startServers(project: Pick<TestProject, 'provide'>): Promise<() => Promise<void>> {
  const wanted = process.env['SERVERS']?.split(',') ?? Object.keys(starters)
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-servers-'))
  const started: StartedServer[] = []
  const stop = async (): Promise<void> => {
    for (const server of started.toReversed()) await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
  const addresses: Record<ServerName, string> = { kafka: '', registry: '', minio: '', mlflow: '', index: '' }
  try {
    for (const name of Object.keys(starters) as ServerName[]) {
      if (!wanted.includes(name)) continue
      const server = await starters[name](join(folder, name))
      started.push(server)
      addresses[name] = server.address
    }
  } catch (error) {
    await stop()
    throw error
  }
  project.provide('servers', addresses)
  return stop
}
