import { replayGeneration, type GenerationReplay } from '../roles/replay-generation.ts'
import { audited } from './audited.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { counted } from './figures.ts'
import { currentUser } from './option-values.ts'
import { formatTable } from './table.ts'
import { withServices } from './with-services.ts'

export type ReplayOptions = {
  readonly from: number | Date
  readonly partition?: number
  readonly generation?: string
  readonly json?: boolean
}

/** Makes the group of a generation read `pairs` again from an offset or a time, to put back what its index has lost. */
export function replay(options: ReplayOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    const deed = {
      action: 'generations:replay',
      object: (done: GenerationReplay) => done.generation,
      by: currentUser(),
    }
    const replayed = await audited(services, deed, () => replayGeneration(services, options))
    if (options.json === true) printJson(context, replayed)
    else print(context, describe(replayed))
    if (services.isAlone) remark(context, "Nobody reads it now: start 'pairstream serve'.")
    return 'ok'
  })
}

function describe({ generation, group, partitions }: GenerationReplay): string {
  const moved = partitions.filter(({ was, now }) => now < was)
  if (moved.length === 0) return `The group ${group} had read nothing past that, so it stays where it is.`
  const records = moved.reduce((sum, { was, now }) => sum + was - now, 0)
  const rows = moved.map(({ partition, was, now, ahead }) => [partition, was, now, ahead])
  const columns = ['partition', 'was at', 'goes on from', 'records ahead']
  return [
    formatTable(columns, rows),
    `The group ${group} reads ${counted(records, 'record')} of pairs again into ${generation}; 'pairstream status' says how far it is.`,
  ].join('\n\n')
}
