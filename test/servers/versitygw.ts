import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { minioKeys } from './minio.ts'
import { installed, runProgram } from './server-cache.ts'
import { answers, freePort, startServer, type RunningServer } from './server-process.ts'

const VERSION = 'v1.8.0'

/** The program, built from source by Go the first time (a minute or two). */
const versitygwProgram = async (): Promise<string> => {
  const folder = await installed(`versitygw-${VERSION}`, async (making) => {
    await runProgram('go', ['install', `github.com/versity/versitygw/cmd/versitygw@${VERSION}`], {
      env: { GOBIN: making },
    })
  })
  return join(folder, 'versitygw')
}

/** Versity's S3 gateway over `folder`, with the keys of MinIO; buckets keep no versions there. */
export async function startVersitygw(folder: string): Promise<RunningServer & { address: string }> {
  const [data, metadata] = [join(folder, 'data'), join(folder, 'metadata')]
  for (const each of [data, metadata]) await mkdir(each, { recursive: true })
  const host = `127.0.0.1:${await freePort()}`
  const server = await startServer({
    name: 'versitygw',
    command: await versitygwProgram(),
    values: ['--port', host, '--health', '/health', '--quiet', 'posix', '--sidecar', metadata, data],
    env: { ROOT_ACCESS_KEY: minioKeys.accessKeyId, ROOT_SECRET_KEY: minioKeys.secretAccessKey },
    logFile: join(folder, 'versitygw.log'),
    isReady: answers(`http://${host}/health`),
  })
  return { ...server, address: `http://${host}` }
}
