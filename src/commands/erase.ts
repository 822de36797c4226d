import { erasePair, restorePair } from '../roles/commands.ts'
import { audited } from './audited.ts'
import { print, printJson, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { withServices } from './with-services.ts'

export type AuditedOptions = { readonly by: string; readonly json?: boolean }

/** Erases a pair for good; who asked for it is kept with the receipt. */
export function erase(pairId: string, { by, json }: AuditedOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    await audited(services, { action: 'pairs:erase', object: pairId, by }, () => erasePair(services, pairId, by))
    if (json === true) printJson(context, { pairId, state: 'requested', requestedBy: by })
    else print(context, `The pair ${pairId} is erased: no search returns it any more, and it cannot come back.`)
    return 'ok'
  })
}

/** Lifts the suppression of an erased pair. */
export function restore(pairId: string, { by, json }: AuditedOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    await audited(services, { action: 'pairs:restore', object: pairId, by }, () => restorePair(services, pairId, by))
    if (json === true) printJson(context, { pairId, state: 'restored', requestedBy: by })
    else print(context, `The pair ${pairId} may be published again; what was erased of it is gone.`)
    return 'ok'
  })
}
