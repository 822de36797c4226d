import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { installed, runProgram } from './server-cache.ts'
import { answers, freePort, startServer, type RunningServer } from './server-process.ts'

const VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c'

export const minioKeys = { accessKeyId: 'pairstream', secretAccessKey: 'pairstream-secret' } as const

/** The program, built from source by Go the first time (some minutes). */
const minioProgram = async (): Promise<string> => {
  const folder = await installed(`minio-${VERSION}`, async (making) => {
    await runProgram('go', ['install', `github.com/minio/minio@${VERSION}`], { env: { GOBIN: making } })
  })
  return join(folder, 'minio')
}

/** MinIO over `folder`; give the port to start it again where it was. */
export async function startMinio(folder: string, port?: number): Promise<RunningServer & { address: string }> {
  await mkdir(folder, { recursive: true })
  const host = `127.0.0.1:${port ?? (await freePort())}`
  const server = await startServer({
    name: 'MinIO',
    command: await minioProgram(),
    values: ['server', join(folder, 'data'), '--address', host, '--console-address', `127.0.0.1:${await freePort()}`],
    env: { MINIO_ROOT_USER: minioKeys.accessKeyId, MINIO_ROOT_PASSWORD: minioKeys.secretAccessKey },
    logFile: join(folder, 'minio.log'),
    isReady: answers(`http://${host}/minio/health/ready`),
  })
  return { ...server, address: `http://${host}` }
}
