import type { RetrainingReason, RetrainingRequested } from '../core/events.ts'
import { modelVersionOf } from '../core/ids.ts'
import { requestRetraining } from '../roles/commands.ts'
import { audited } from './audited.ts'
import { print, printJson, remark, type CommandContext } from './context.ts'
import { decideHere, untilDecided, type Decision } from './decision.ts'
import type { ExitName } from './exit-codes.ts'
import { counted } from './figures.ts'
import { createProgress } from './progress.ts'
import { withServices } from './with-services.ts'

export type TrainOptions = {
  readonly reason: RetrainingReason
  readonly by: string
  readonly wait?: boolean
  readonly json?: boolean
}

/** Asks for a retraining; waits for the decision where that is wanted, and trains by itself where nobody else would. */
export function train({ reason, by, wait, json }: TrainOptions, context: CommandContext): Promise<ExitName> {
  return withServices<ExitName>(context, { access: 'share', needsData: true }, async (services) => {
    const deed = { action: 'retraining:request', object: (made: RetrainingRequested) => made.requestId, by }
    const request = await audited(services, deed, () => requestRetraining(services, reason, by))
    const { requestId, dataSetSize, newPairs } = request
    const alone = services.isAlone
    if (wait !== true) {
      const answerer = alone ? "Start 'pairstream serve' (or use --wait)" : 'The running process'
      if (json === true)
        printJson(context, { ...request, modelVersion: modelVersionOf(requestId), answeredByRunningProcess: !alone })
      else {
        print(
          context,
          `Requested ${modelVersionOf(requestId)} on ${counted(dataSetSize, 'pair')}, ${newPairs} of them new.`,
        )
        print(
          context,
          `${answerer} ${alone ? 'to have it answered' : 'answers it'}: 'pairstream status' says how far it is.`,
        )
      }
      return 'ok'
    }
    const progress = createProgress({ stream: context.stderr, isTerminal: context.stderr.isTTY })
    progress.say('retraining.requested', `${counted(dataSetSize, 'pair')}, ${newPairs} of them new`)
    const { signal } = context
    try {
      const decision = alone
        ? await decideHere(services, requestId, { progress, signal })
        : await untilDecided(services, requestId, { progress, signal, failed: services.failed })
      if (decision === null) {
        remark(
          context,
          `Stopped before the decision; ${alone ? 'the request waits for the next process that serves' : 'the running process goes on'}.`,
        )
        return 'interrupted'
      }
      if (json === true) printJson(context, decision)
      else print(context, describeDecision(decision))
      return decision.outcome === 'failed' ? 'failed' : 'ok'
    } finally {
      progress.stop()
    }
  })
}

/** A decision in plain words. */
function describeDecision({ modelVersion, outcome, reason, generation }: Decision): string {
  if (outcome === 'promoted') return `${modelVersion} serves, from generation ${generation ?? '–'}. ${reason}`
  // What the gate says begins with the outcome already.
  const known = reason.toLowerCase().startsWith(outcome)
  return `${modelVersion}: ${known ? '' : `${outcome}. `}${reason}`
}
