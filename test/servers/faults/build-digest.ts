import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What tells one built program from another: the SHA-256 of its modules below `folder`, with their paths, in hexadecimal. */
export async function buildDigest(folder: string): Promise<string> {
  const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.js')).sort()
  const all = createHash('sha256')
  for (const path of paths) {
    const module = createHash('sha256').update(await readFile(join(folder, path)))
    all.update(`${path} ${module.digest('hex')}\n`)
  }
  return all.digest('hex')
}
