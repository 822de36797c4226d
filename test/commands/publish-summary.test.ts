import { describe, expect, it } from 'vitest'
import { formatReport, joinReports } from '../../src/commands/publish-summary.ts'
import type { PublishReport } from '../../src/producers/publish-report.ts'

const report = (changes: Partial<PublishReport>): PublishReport => ({
  source: 'pictures',
  accepted: 0,
  duplicate: 0,
  rejected: 0,
  rejections: [],
  interrupted: false,
  ...changes,
})

const rejections = (code: 'caption-empty' | 'image-unreadable', ...sources: string[]) => ({
  code,
  count: sources.length,
  examples: sources.map((source) => ({ source, detail: `${source} is bad.` })),
})

describe('reports of publishing', () => {
  it('add up, reasons by how often they came', () => {
    const total = joinReports([
      report({ accepted: 2, rejected: 1, rejections: [rejections('caption-empty', 'a')] }),
      report({
        accepted: 3,
        duplicate: 4,
        rejected: 2,
        rejections: [rejections('image-unreadable', 'b', 'c')],
        interrupted: true,
      }),
      report({ source: 'last', rejected: 2, rejections: [rejections('caption-empty', 'd', 'e')] }),
    ])
    expect(total).toMatchObject({ source: 'last', accepted: 5, duplicate: 4, rejected: 5, interrupted: false })
    expect(total.rejections.map(({ code, count }) => [code, count])).toEqual([
      ['caption-empty', 3],
      ['image-unreadable', 2],
    ])
    expect(total.rejections[0]?.examples.map(({ source }) => source)).toEqual(['a', 'd', 'e'])
  })

  it('show an example once, however often it was rejected', () => {
    const same = report({ rejected: 1, rejections: [rejections('caption-empty', 'a')] })
    expect(joinReports([same, same]).rejections).toEqual([{ ...rejections('caption-empty', 'a'), count: 2 }])
  })

  it('of nothing are zeros', () => {
    expect(joinReports([])).toMatchObject({ accepted: 0, duplicate: 0, rejected: 0, rejections: [] })
  })

  it('name each reason once, with its examples below one another', () => {
    const text = formatReport(
      report({ accepted: 1_234, rejected: 2, rejections: [rejections('caption-empty', 'a', 'b')] }),
    )
    expect(text).toMatch(/accepted +1,234\n/)
    expect(text).toMatch(/caption-empty +2 +a +a is bad\.\n +b +b is bad\./)
    expect(text).not.toContain('Stopped')
  })

  it('say how to go on after a stop', () => {
    expect(formatReport(report({ interrupted: true }))).toContain('Run it again to go on')
  })
})
