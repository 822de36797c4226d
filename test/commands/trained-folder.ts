import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { captionedFolder } from './picture-folder.ts'
import type { Environment } from './run-cli.ts'
import { runHere } from './run-here.ts'

/** A new folder with a data folder in it, in which a small model was trained and serves; `root` is to be removed. */
export async function trainedFolder(): Promise<{ readonly root: string; readonly environment: Environment }> {
  const root = await mkdtemp(join(tmpdir(), 'pairstream-'))
  const environment = { DATA_DIR: join(root, 'data'), TRAINING_EPOCHS: '1', THREADS: '1' }
  await captionedFolder(join(root, 'pictures'), 24)
  for (const words of [
    ['publish', join(root, 'pictures')],
    ['train', '--wait'],
  ]) {
    const { status, stderr } = await runHere(words, environment)
    if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}: ${stderr}`)
  }
  return { root, environment }
}
