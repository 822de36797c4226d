import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { installed, runProgram } from './server-cache.ts'
import { answers, freePort, startServer, type RunningServer } from './server-process.ts'

const VERSION = '3.17.2'

/** Python with MLflow, in a virtual environment that is made the first time (a minute, 850 MB). */
const mlflowPython = async (): Promise<string> => {
  const folder = await installed(`mlflow-${VERSION}`, async (making) => {
    await runProgram('python3', ['-m', 'venv', making])
    await runProgram(join(making, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', `mlflow==${VERSION}`])
  })
  return join(folder, 'bin', 'python')
}

/** MLflow over `folder`; give the port to start it again where it was. */
export async function startMlflow(folder: string, port?: number): Promise<RunningServer & { address: string }> {
  await mkdir(folder, { recursive: true })
  const at = port ?? (await freePort())
  const server = await startServer({
    name: 'MLflow',
    command: await mlflowPython(),
    values: [
      ...['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(at), '--workers', '1'],
      ...['--backend-store-uri', `sqlite:///${join(folder, 'mlflow.db')}`],
      ...['--artifacts-destination', join(folder, 'artifacts')],
    ],
    env: { MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false', MLFLOW_DISABLE_TELEMETRY: 'true' },
    cwd: folder,
    logFile: join(folder, 'mlflow.log'),
    hasChildren: true,
    isReady: answers(`http://127.0.0.1:${at}/health`),
  })
  return { ...server, address: `http://127.0.0.1:${at}` }
}
