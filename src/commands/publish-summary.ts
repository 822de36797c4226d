import { errorCodes, type ErrorCode } from '../core/errors.ts'
import type { PublishReport, Rejections } from '../producers/publish-report.ts'
import { formatTable, type Cell } from './table.ts'

const EXAMPLES = 3

type Example = Rejections['examples'][number]

/** What is scanned again is rejected again, and one example of it is enough. */
const withoutRepeats = (examples: readonly Example[]): Example[] => [
  ...new Map(examples.map((example) => [example.source, example])).values(),
]

/** Several reports as one, under the name of the last. */
export function joinReports(reports: readonly PublishReport[]): PublishReport {
  const sum = (of: (report: PublishReport) => number) => reports.reduce((total, report) => total + of(report), 0)
  const byCode = new Map<ErrorCode, Rejections>()
  for (const { code, count, examples } of reports.flatMap(({ rejections }) => rejections)) {
    const same = byCode.get(code)
    byCode.set(code, {
      code,
      count: (same?.count ?? 0) + count,
      examples: withoutRepeats([...(same?.examples ?? []), ...examples]).slice(0, EXAMPLES),
    })
  }
  return {
    source: reports.at(-1)?.source ?? '',
    accepted: sum(({ accepted }) => accepted),
    duplicate: sum(({ duplicate }) => duplicate),
    rejected: sum(({ rejected }) => rejected),
    rejections: [...byCode.values()].sort((a, b) => b.count - a.count),
    interrupted: reports.at(-1)?.interrupted ?? false,
  }
}

/** What became of the entries, and of those that were rejected why, with a few examples of each reason. */
export function formatReport(
  { accepted, duplicate, rejected, rejections, interrupted }: PublishReport,
  what = 'pairs',
): string {
  const outcomes = formatTable(
    ['outcome', what],
    [
      ['accepted', accepted],
      ['duplicate', duplicate],
      ['rejected', rejected],
    ],
  )
  const reasons = rejections.flatMap(({ code, count, examples }): Cell[][] =>
    examples.slice(0, EXAMPLES).map(({ source, detail }, index) => {
      const first = index === 0
      return [first ? code : '', first ? String(count) : '', source, detail || errorCodes[code].title]
    }),
  )
  const columns = ['reason', { title: what, align: 'right' as const }, 'for example', 'because']
  const parts = [outcomes]
  if (reasons.length > 0) parts.push(formatTable(columns, reasons))
  if (interrupted) parts.push('Stopped before the end. Run it again to go on; what is published is a duplicate then.')
  return parts.join('\n\n')
}
