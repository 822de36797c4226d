import type { ErrorCode } from '../core/errors.ts'

const EXAMPLES = 5

export type Rejections = {
  readonly code: ErrorCode
  readonly count: number
  /** The first few. */
  readonly examples: readonly { readonly source: string; readonly detail: string }[]
}

/** What became of the entries of a source. `rejected` counts faults of the source as well. */
export type PublishReport = {
  readonly source: string
  readonly accepted: number
  readonly duplicate: number
  readonly rejected: number
  /** By code, most frequent first. */
  readonly rejections: readonly Rejections[]
  /** Whether it was stopped before the end; run it again to go on. */
  readonly interrupted: boolean
}

type ReportBuilder = {
  accept(): void
  duplicate(): void
  reject(source: string, code: ErrorCode, detail: string): void
  report(interrupted: boolean): PublishReport
}

export function createReport(source: string): ReportBuilder {
  let accepted = 0
  let duplicate = 0
  const rejections = new Map<ErrorCode, { count: number; examples: { source: string; detail: string }[] }>()
  return {
    accept: () => void (accepted += 1),
    duplicate: () => void (duplicate += 1),
    reject(from, code, detail) {
      const same = rejections.get(code) ?? { count: 0, examples: [] }
      same.count += 1
      if (same.examples.length < EXAMPLES) same.examples.push({ source: from, detail })
      rejections.set(code, same)
    },
    report(interrupted) {
      const byCode = [...rejections].map(([code, { count, examples }]) => ({ code, count, examples: [...examples] }))
      byCode.sort((a, b) => b.count - a.count)
      const rejected = byCode.reduce((sum, { count }) => sum + count, 0)
      return { source, accepted, duplicate, rejected, rejections: byCode, interrupted }
    },
  }
}
