import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { javaOptions } from './kafka.ts'
import { installed, runProgram } from './server-cache.ts'
import { answers, freePort, startServer, type RunningServer } from './server-process.ts'
import type { StartedServer } from './start-servers.ts'

const VERSION = '2.6.13.Final'
const BASE_PATH = '/apis/ccompat/v7'

/** Fetches Apicurio Registry, whose archive holds the program with all its jars. */
async function install(folder: string): Promise<void> {
  const coordinates = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`
  const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
  await runProgram('mvn', ['-B', '-q', `${plugin}:get`, `-Dartifact=${coordinates}`, '-Dtransitive=false'])
  await runProgram('mvn', ['-B', '-q', `${plugin}:copy`, `-Dartifact=${coordinates}`, `-DoutputDirectory=${folder}`])
  const archive = (await readdir(folder)).find((name) => name.endsWith('.tar.gz'))
  await runProgram('tar', ['-xzf', archive ?? ''], { cwd: folder })
}

/** A schema registry whose process can be killed; its schemas are in memory and gone with it. */
export type SchemaRegistry = {
  /** With the base path of the Confluent-compatible interface. */
  readonly address: string
  signal(signal: NodeJS.Signals): void
  stop(): Promise<void>
}

export async function startSchemaRegistry(folder: string): Promise<SchemaRegistry> {
  const home = await installed(`apicurio-${VERSION}`, install)
  const jar = (await readdir(home)).find((name) => name.endsWith('-runner.jar'))
  const port = await freePort()
  await mkdir(folder, { recursive: true })
  const address = `http://127.0.0.1:${port}${BASE_PATH}`
  const server: RunningServer = await startServer({
    name: 'Apicurio Registry',
    command: 'java',
    values: [
      ...javaOptions,
      '-Dquarkus.http.host=127.0.0.1',
      `-Dquarkus.http.port=${port}`,
      '-Dquarkus.log.level=WARN',
      '-jar',
      join(home, jar ?? ''),
    ],
    cwd: folder,
    logFile: join(folder, 'registry.log'),
    isReady: answers(`${address}/subjects`),
  })
  return { address, signal: server.signal, stop: server.stop }
}

export const startRegistry = (folder: string): Promise<StartedServer> => startSchemaRegistry(folder)
