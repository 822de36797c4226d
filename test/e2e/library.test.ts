import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('gives programs what the README says when the package is imported by its name', async () => {
  const program = `import * as pairstream from 'pairstream'; console.log(Object.keys(pairstream).sort().join())`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program])
  expect(stdout.trim()).toBe('AppError,createPredictor,loadDatabase,saveDatabase')
})
