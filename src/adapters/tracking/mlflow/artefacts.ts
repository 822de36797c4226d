import { z } from 'zod'
import { AppError } from '../../../core/errors.ts'
import type { Mlflow } from './connection.ts'

const Files = z.object({
  files: z.array(z.object({ path: z.string(), is_dir: z.boolean().default(false) })).default([]),
})

const ROOT = 'mlflow-artifacts/artifacts'

/** The folder that MLflow serves for a run; its address is told by the run. */
function folderOf(address: string): string {
  if (/^mlflow-artifacts:/.test(address)) return decodeURI(new URL(address).pathname).replace(/^\/+/, '')
  throw new AppError(
    'configuration-invalid',
    'MLflow keeps artefacts where only its own programs reach them; start it with --serve-artifacts and --artifacts-destination.',
  )
}

const pathOf = (address: string, name: string): string =>
  [ROOT, ...`${folderOf(address)}/${name}`.split('/').map(encodeURIComponent)].join('/')

/** Files of runs, through MLflow's own server, so that nobody needs access to where it keeps them. */
export function createArtefacts(mlflow: Mlflow) {
  const list = async (folder: string, below: string): Promise<readonly string[]> => {
    const { files } = await mlflow.must(ROOT, Files, { query: { path: folder + (below === '' ? '' : `/${below}`) } })
    const names: string[] = []
    for (const { path, is_dir: isFolder } of files) {
      const name = below === '' ? path : `${below}/${path}`
      if (isFolder) names.push(...(await list(folder, name)))
      else names.push(name)
    }
    return names
  }

  return {
    async put(address: string, name: string, bytes: Uint8Array): Promise<void> {
      await mlflow.putBytes(pathOf(address, name), bytes)
    },
    get: (address: string, name: string): Promise<Uint8Array | null> => mlflow.getBytes(pathOf(address, name)),
    /** The names of all files, in order. */
    async list(address: string): Promise<readonly string[]> {
      return (await list(folderOf(address), '')).toSorted()
    },
  }
}
