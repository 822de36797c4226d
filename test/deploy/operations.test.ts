import { expect, it } from 'vitest'
import { roles, settings } from '../../src/config.ts'
import { defineAccessCommands } from '../../src/commands/access-commands.ts'
import { defineDataCommands } from '../../src/commands/data-commands.ts'
import { defineModelCommands } from '../../src/commands/model-commands.ts'
import { defineRerankerCommands } from '../../src/commands/reranker-commands.ts'
import { defineServiceCommands } from '../../src/commands/service-commands.ts'
import { Command } from 'commander'
import { readText, readYaml } from './deployed-files.ts'

const text = readText('docs/operations.md')

/** The first cells of all rows of tables, split at commas, without their backquotes. */
const cells = text
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))

it('has every alert and every role', () => {
  const { groups } = readYaml('deploy/prometheus/rules.yml') as { groups: { rules: { alert: string }[] }[] }
  const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert))
  expect(cells.filter((name) => name.startsWith('Pairstream')).sort()).toEqual(alerts.sort())
  expect(cells).toEqual(expect.arrayContaining([...roles]))
})

it('names only commands and variables that there are', () => {
  const program = new Command()
  const act = () => Promise.resolve()
  for (const define of [
    defineServiceCommands,
    defineDataCommands,
    defineModelCommands,
    defineRerankerCommands,
    defineAccessCommands,
  ])
    define(program, act)
  const commands = program.commands.map((command) => command.name())
  const named = [...text.matchAll(/(?<!-n )pairstream ([a-z][a-z-]+)/g)].map(([, name = '']) => name)
  expect(named.length).toBeGreaterThan(10)
  for (const name of named) expect(commands).toContain(name)
  const variables = [...text.matchAll(/`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`/g)].map(([, name = '']) => name)
  expect(variables.length).toBeGreaterThan(8)
  for (const name of variables) expect(Object.keys(settings.shape)).toContain(name)
})

it('names the namespace in which the overlay puts the program', () => {
  const { namespace } = readYaml('deploy/kubernetes/overlays/example/kustomization.yaml') as { namespace: string }
  const commands = [...text.matchAll(/kubectl (?!apply -k)(.{0,20})/g)].map(([, rest = '']) => rest)
  expect(commands.length).toBeGreaterThan(4)
  for (const command of commands) expect(command).toMatch(new RegExp(`^-n ${namespace} `))
})
