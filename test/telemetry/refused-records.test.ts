import { expect, it } from 'vitest'
import { createLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { refusedRecords } from '../../src/telemetry/refused-records.ts'

it('says where a refused record lies, in a line and in a count', async () => {
  const lines: string[] = []
  const metrics = createMetrics({ processMetrics: false })
  const tell = refusedRecords(createLogger({ stream: { write: (line) => void lines.push(line) } }), metrics)
  tell({ topic: 'erasures', partition: 0, offset: 7, problem: 'record-unreadable' })
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: 'error', topic: 'erasures', partition: 0, offset: 7, code: 'record-unreadable' },
  ])
  expect(await metrics.text()).toContain(
    'pairstream_records_refused_total{topic="erasures",cause="record-unreadable"} 1\n',
  )
})
