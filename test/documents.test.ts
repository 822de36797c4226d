import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')

async function documents(): Promise<readonly string[]> {
  const files = await readdir(join(root, 'docs'), { recursive: true })
  return [
    join(root, 'README.md'),
    ...files.filter((name) => name.endsWith('.md')).map((name) => join(root, 'docs', name)),
  ]
}

it('links only to files that are there', async () => {
  let followed = 0
  for (const path of await documents()) {
    for (const [, target = ''] of (await readFile(path, 'utf8')).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      followed++
      expect(existsSync(join(dirname(path), target)), `${path} -> ${target}`).toBe(true)
    }
  }
  expect(followed).toBeGreaterThan(4)
})

it('has figures in every section of the benchmarks, or says that they are missing', async () => {
  const text = await readFile(join(root, 'docs', 'benchmarks.md'), 'utf8')
  const blocks = [...text.matchAll(/<!-- figures: (\S+) -->([\s\S]*?)<!-- end of figures: \1 -->/g)]
  expect(blocks.length).toBeGreaterThan(4)
  for (const [, name, figures = ''] of blocks)
    expect(figures, name).toMatch(/^\||^Not measured on a quiet machine yet\.$/m)
})
