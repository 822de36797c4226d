import type { Examined, Finding } from '../roles/doctor/check.ts'
import type { CommandContext } from './context.ts'
import { counted } from './figures.ts'
import { paint, printable, type Colour, type Screen } from './terminal-text.ts'

const signs: Readonly<Record<Finding['level'], { readonly sign: string; readonly colour: Colour }>> = {
  fact: { sign: '✓', colour: 'green' },
  warning: { sign: '!', colour: 'yellow' },
  problem: { sign: '✗', colour: 'red' },
}

const NAME_WIDTH = 14

/** Whether nothing keeps it from working; warnings do not. */
export const isWell = ({ findings }: Examined): boolean => findings.every(({ level }) => level !== 'problem')

/** A line a finding, and below it what to do. */
export function describeExamined({ name, findings }: Examined, { stdout, environment }: CommandContext): string {
  const coloured = stdout.isTTY && (environment['NO_COLOR'] ?? '') === ''
  const screen: Screen = { width: null, coloured }
  return findings
    .map(({ level, text, fix }, index) => {
      const { sign, colour } = signs[level]
      const head = `${paint(sign, colour, screen)} ${(index === 0 ? name : '').padEnd(NAME_WIDTH)}${printable(text)}`
      return fix === null ? head : `${head}\n${' '.repeat(NAME_WIDTH + 2)}→ ${fix}`
    })
    .join('\n')
}

export function summary(all: readonly Examined[]): string {
  const count = (wanted: Finding['level']): number =>
    all.flatMap(({ findings }) => findings).filter(({ level }) => level === wanted).length
  const [problems, warnings] = [count('problem'), count('warning')]
  const looked = warnings === 0 ? '' : `, ${counted(warnings, 'thing')} to look at`
  return problems === 0 ? `All is well${looked}.` : `${counted(problems, 'problem')}${looked}.`
}
