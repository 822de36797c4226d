import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { javaOptions } from './kafka.ts'
import { installed, runProgram } from './server-cache.ts'
import { startRestartable, type RestartableServer } from './restartable-server.ts'
import { answers, freePort } from './server-process.ts'
import type { StartedServer } from './start-servers.ts'

const VERSION = '2.6.13.Final'
const BASE_PATH = '/apis/ccompat/v7'

/** Fetches Apicurio Registry, whose archive holds the program with all its jars. */
async function install(folder: string): Promise<void> {
  const coordinates = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`
  const copy = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy'
  await runProgram('mvn', ['-B', '-q', copy, `-Dartifact=${coordinates}`, `-DoutputDirectory=${folder}`])
  const archive = (await readdir(folder)).find((name) => name.endsWith('.tar.gz')) ?? ''
  await runProgram('tar', ['-xzf', archive], { cwd: folder })
  await rm(join(folder, archive))
}

/** A registry whose process can be killed and started again at the same port with the same schemas. */
export type SchemaRegistry = RestartableServer & {
  /** With the base path of the Confluent-compatible interface. */
  readonly address: string
}

/** Starts Apicurio Registry with its schemas in a file of `folder`. */
export async function startSchemaRegistry(folder: string): Promise<SchemaRegistry> {
  const home = await installed(`apicurio-${VERSION}`, install)
  const jar = (await readdir(home)).find((name) => name.endsWith('-runner.jar')) ?? ''
  const port = await freePort()
  await mkdir(folder, { recursive: true })
  const address = `http://127.0.0.1:${port}${BASE_PATH}`

  const server = await startRestartable({
    name: 'Apicurio Registry',
    command: 'java',
    values: [
      ...javaOptions,
      '-Dquarkus.http.host=127.0.0.1',
      `-Dquarkus.http.port=${port}`,
      '-Dquarkus.log.level=WARN',
      '-jar',
      join(home, jar),
    ],
    env: { REGISTRY_DATASOURCE_URL: `jdbc:h2:file:${join(folder, 'registry')};WRITE_DELAY=0` },
    cwd: folder,
    logFile: join(folder, 'registry.log'),
    isReady: answers(`${address}/subjects`),
  })
  return { ...server, address }
}

/** One schema registry for all suites. */
export const startRegistry = (folder: string): Promise<StartedServer> => startSchemaRegistry(folder)
