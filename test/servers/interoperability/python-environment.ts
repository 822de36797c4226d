import { join } from 'node:path'
import { installed, runProgram } from '../server-cache.ts'

/** Python with packages that are not ours, in a virtual environment that is made the first time. */
export async function pythonWith(packages: readonly string[]): Promise<string> {
  const folder = await installed(`interoperability-${packages.join('-')}`, async (making) => {
    await runProgram('python3', ['-m', 'venv', making])
    await runProgram(join(making, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', ...packages])
  })
  return join(folder, 'bin', 'python')
}
