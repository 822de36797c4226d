import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { loadConfig, settings } from '../../src/config.ts'
import { customaryVariables } from '../../src/customary-variables.ts'

export const root = resolve(import.meta.dirname, '../..')

export const readText = (path: string): string => readFileSync(resolve(root, path), 'utf8')

export const readYaml = (path: string): unknown => parse(readText(path), { merge: true })

/** The paths of all files below a folder, relative to the root. */
export const filesBelow = (folder: string): string[] =>
  readdirSync(resolve(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => resolve(entry.parentPath, entry.name).slice(root.length + 1))
    .sort()

export type Resource = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Readonly<Record<string, unknown>>
}

/** The Kubernetes resources of all files of a folder, before Kustomize has laid them over one another. */
export function resourcesBelow(folder: string): Resource[] {
  return filesBelow(folder)
    .filter((path) => path.endsWith('.yaml') && !path.endsWith('kustomization.yaml'))
    .flatMap((path) => parseAllDocuments(readText(path)).map((document) => document.toJS() as Resource))
    .filter((resource) => typeof resource.kind === 'string')
}

/** The variables of an environment file: a line each, `#` begins a remark. */
export function variablesOf(path: string): Record<string, string> {
  const lines = readText(path)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

/** What of an environment Pairstream does not know. */
export const unknownVariables = (environment: object): string[] =>
  Object.keys(environment).filter((name) => !(name in settings.shape) && !customaryVariables.includes(name))

/** `${NAME:-default}` as Compose fills it in where NAME is not set. */
const withDefaults = (text: string): string => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1')

/** The configuration that Pairstream reads from an environment; throws where it would not start. */
export const configurationOf = (environment: Readonly<Record<string, unknown>>): ReturnType<typeof loadConfig> =>
  loadConfig(
    Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, withDefaults(String(value))])),
  )
