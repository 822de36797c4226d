import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { settings } from '../src/config.ts'
import { accessRoles, allPermissions, rolePermissions } from '../src/core/permissions.ts'

const text = readFile(resolve(import.meta.dirname, '../docs/security.md'), 'utf8')

it('says of every role what it may', async () => {
  const rows = (await text).split('\n').filter((line) => line.startsWith('| `'))
  const known = new Set<string>()
  for (const role of accessRoles) {
    const row = rows.find((line) => line.startsWith(`| \`${role}\` `)) ?? ''
    for (const [, name = ''] of row.matchAll(/`(\w+(?::\w+)?)`/g))
      if (!accessRoles.includes(name as never)) known.add(name)
    expect([...known].sort(), role).toEqual([...rolePermissions[role]].sort())
  }
  expect([...known].sort()).toEqual([...allPermissions].sort())
})

it('names only settings that there are', async () => {
  const named = [...(await text).matchAll(/`([A-Z]+(?:_[A-Z]+)+)/g)].map(([, name = '']) => name)
  expect(named.length).toBeGreaterThan(15)
  for (const name of named) expect(Object.keys(settings.shape)).toContain(name)
})
