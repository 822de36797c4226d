import type { Catalogue } from '../catalogue/catalogue.ts'
import { loadConfig } from '../config.ts'
import type { FeedbackGiven } from '../core/events.ts'
import { FEEDBACK, feedbackJudgements } from '../producers/judgements/feedback-source.ts'
import { openJudgements } from '../producers/judgements/open-judgements.ts'
import { publishJudgements as publishAll } from '../producers/judgements/publish-judgements.ts'
import type { PublishReport } from '../producers/publish-report.ts'
import { audited } from './audited.ts'
import { print, printJson, type CommandContext } from './context.ts'
import type { ExitName } from './exit-codes.ts'
import { counted } from './figures.ts'
import { currentUser } from './option-values.ts'
import { createProgress } from './progress.ts'
import { formatReport } from './publish-summary.ts'
import { withServices } from './with-services.ts'

export type JudgementsOptions = { readonly json?: boolean; readonly withdraw?: boolean }

/** What is alive of a hit: the caption that was found, or all of the picture. */
const captionsIn =
  (catalogue: Pick<Catalogue, 'image' | 'pair'>) =>
  ({ imageId, pairId }: Pick<FeedbackGiven, 'imageId' | 'pairId'>): string[] => {
    if (pairId === null) return catalogue.image(imageId)?.captions.map(({ caption }) => caption) ?? []
    const pair = catalogue.pair(pairId)
    return pair === null || pair.erased || pair.caption === null ? [] : [pair.caption]
  }

/** Publishes the judgements of a file, of a table behind PostgREST or of what people said of hits, or takes them back. */
export async function publishJudgements(
  from: string,
  { json, withdraw = false }: JudgementsOptions,
  context: CommandContext,
): Promise<ExitName> {
  const config = loadConfig(context.environment)
  // A source that cannot be opened should leave no data folder behind.
  const given = from === FEEDBACK ? null : await openJudgements(from, { token: config.JUDGEMENTS_TOKEN })
  const { stderr, signal } = context
  const report = await withServices(context, { access: 'append', config }, async (services): Promise<PublishReport> => {
    const source = given ?? feedbackJudgements(services.log, captionsIn(services.catalogue))
    const progress = createProgress({ stream: stderr, isTerminal: stderr.isTTY })
    const stage = progress.stage('judgements', null)
    try {
      const onProgress = ({ accepted, rejected }: PublishReport): void =>
        stage.update(accepted + rejected, rejected === 0 ? '' : `${rejected} rejected`)
      const deed = {
        action: withdraw ? 'judgements:withdraw' : 'judgements:publish',
        by: currentUser(),
        count: ({ accepted }: PublishReport) => accepted,
      }
      const ended = await audited(services, deed, () =>
        publishAll(source, services.log, { signal, withdraw, onProgress }),
      )
      stage.finish(`${ended.interrupted ? 'stopped' : source.describe}, ${counted(ended.accepted, 'judgement')}`)
      return ended
    } catch (error) {
      stage.fail('ended early; run it again to go on')
      throw error
    } finally {
      progress.stop()
    }
  })
  if (json === true) printJson(context, report)
  else print(context, formatReport(report, 'judgements'))
  if (report.rejected > 0) return 'rejected'
  return report.interrupted ? 'interrupted' : 'ok'
}
