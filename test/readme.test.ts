import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { settings } from '../src/config.ts'

const readme = readFile(resolve(import.meta.dirname, '../README.md'), 'utf8')

it('lists every setting with its default and what it sets', async () => {
  const rows = (await readme).split('\n').filter((line) => line.startsWith('| `'))
  for (const [name, setting] of Object.entries(settings.shape)) {
    const row = rows.find((line) => line.includes(`\`${name}\``))
    expect(row, name).toContain(setting.description ?? 'a description')
  }
})

it('names only scripts that package.json has', async () => {
  const packageText = await readFile(resolve(import.meta.dirname, '../package.json'), 'utf8')
  const { scripts } = JSON.parse(packageText) as { scripts: Record<string, string> }
  const named = [...(await readme).matchAll(/npm (?:run )?(demo|test|build|start|test:crash|bench)\b/g)]
  expect(named.length).toBeGreaterThan(3)
  for (const [, script = ''] of named) expect(scripts).toHaveProperty([script])
})
