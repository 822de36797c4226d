import type { Services } from '../../roles/services.ts'
import type { Progress } from '../progress.ts'
import { formatTable } from '../table.ts'
import type { DemoQuery } from './demo-data.ts'
import type { Story, StoryHit } from './story.ts'

const SHOWN = 5

/**
 * The best five held-out pictures for each query. No model has learned from them and all of them are there from the start, so
 * what changes between two lists is the model.
 */
export async function searchAll(services: Services, queries: readonly DemoQuery[]): Promise<StoryHit[][]> {
  const found: StoryHit[][] = []
  for (const { text, isRelevant } of queries) {
    const { hits } = await services.search.search({
      input: { kind: 'text', text },
      target: 'images',
      mode: 'vector',
      limit: SHOWN,
      offset: 0,
      filter: { splits: ['validation'] },
    })
    found.push(
      await Promise.all(
        hits.map(async ({ imageId, score, captions, metadata }) => ({
          imageId,
          score,
          captions: captions.map(({ caption }) => caption),
          relevant: isRelevant(metadata),
          picture: await services.bytesOf(imageId),
        })),
      ),
    )
  }
  return found
}

const mark = (relevant: boolean | null): string => (relevant === null ? '' : relevant ? 'yes' : 'no')
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** Both lists of each query, then what each model reaches on the validation pictures. */
export function printResults(story: Story, champion: string | null, progress: Progress): void {
  for (const { query, before, after } of story.queries) {
    progress.say(null, `\n"${query}", the best ${SHOWN} of the validation pictures`)
    for (const [name, hits] of [
      ['before', before],
      ['after', after],
    ] as const) {
      const rows = hits.map(({ score, relevant, captions }, i) => [
        name,
        i + 1,
        score.toFixed(3),
        mark(relevant),
        captions[0] ?? '',
      ])
      progress.say(null, formatTable(['', 'rank', 'score', 'fits', 'caption'], rows))
    }
  }
  const rows = story.models.map(({ label, modelVersion, pairs, recall }) => [
    label,
    pairs.toLocaleString('en-GB'),
    ...(recall === null
      ? ['', '', '', '', '']
      : [percent(recall.at1), percent(recall.at5), percent(recall.at10), recall.ndcg10.toFixed(3), recall.medianRank]),
    modelVersion === champion
      ? 'serves'
      : (story.decisions.findLast((d) => d.modelVersion === modelVersion)?.state ?? ''),
  ])
  progress.say(null, '\nText to image on the validation pictures')
  progress.say(null, formatTable(['model', 'pairs', 'R@1', 'R@5', 'R@10', 'NDCG@10', 'median rank', ''], rows))
}
