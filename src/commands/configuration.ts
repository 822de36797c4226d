import { settings } from '../config.ts'
import { print, printJson, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { formatTable } from './table.ts'

export type ConfigurationOptions = { readonly markdown?: boolean; readonly json?: boolean }

type SettingRow = {
  readonly name: string
  readonly default: string | number | null
  readonly description: string
}

/** Every environment variable that is read, with its default. */
function settingRows(): readonly SettingRow[] {
  const defaults: Readonly<Record<string, string | number | undefined>> = settings.parse({})
  const rows = Object.entries(settings.shape).map(([name, { description }]) => ({
    name,
    default: defaults[name] ?? null,
    description: description ?? '',
  }))
  const file = 'JSON file with the same names; variables of the environment take precedence'
  return [...rows, { name: 'PAIRSTREAM_CONFIG', default: null, description: file }]
}

const textOf = (value: string | number | null): string => (value === null ? '' : String(value))

export const settingsTable = (): string =>
  formatTable(
    ['variable', 'default', 'what it sets'],
    settingRows().map((row) => [row.name, textOf(row.default), row.description.replaceAll('`', '')]),
  )

/** The same for a README. */
function settingsMarkdown(): string {
  const rows = settingRows().map(({ name, description, ...row }) => {
    const value = textOf(row.default)
    return `| \`${name}\` | ${value === '' ? '' : `\`${value}\``} | ${description.replaceAll('|', '\\|')} |`
  })
  return ['| Variable | Default | What it sets |', '| --- | --- | --- |', ...rows].join('\n')
}

export async function printConfiguration(options: ConfigurationOptions, context: CommandContext): Promise<ExitName> {
  if (options.json === true) printJson(context, settingRows())
  else print(context, options.markdown === true ? settingsMarkdown() : settingsTable())
  return 'ok'
}
