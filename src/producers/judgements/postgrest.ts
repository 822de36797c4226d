import { AppError } from '../../core/errors.ts'
import { sha256Hex } from '../../core/ids.ts'
import { readRecord, type JudgementSource, type ReadJudgement } from './judgement-source.ts'
import { readPage, type PageLimits } from './postgrest-page.ts'

export type PostgrestOptions = Partial<PageLimits> & {
  readonly token: string | undefined
  /** Rows that are asked for at once; a server may give fewer. Default 1,000. */
  readonly pageRows?: number
}

const COLUMNS = 'query,document,relevance,source,created_at'

/** Without an order a database may give a row on two pages, and another on none. */
const ORDER = 'created_at,query,document'

/** What a page may take (milliseconds) and hold (bytes). */
const LIMITS: PageLimits = { deadline: 30_000, maxBytes: 32_000_000 }

/**
 * The judgements of a table or view behind PostgREST (https://docs.postgrest.org, "Tables and Views"), page by page with `limit` and
 * `offset`: `https://host/judgements?source=eq.editors`. Other names of columns go into `select=query:asked,document:caption,…`, and
 * then into `order=…`, too.
 * Throws `invalid-request` for an address that cannot be used, here; `source-unavailable`, `source-refused` and `source-unrecognised` while it is read.
 */
export function openPostgrest(
  address: string,
  { token, pageRows = 1_000, ...limits }: PostgrestOptions,
): JudgementSource {
  const url = addressOf(address)
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new AppError('configuration-invalid', 'JUDGEMENTS_TOKEN has characters that no token has; copy it again.')
  }
  return {
    describe: `${url.origin}${url.pathname}`,
    async *read(signal): AsyncIterable<ReadJudgement> {
      let before = ''
      for (let offset = 0; ;) {
        const rows = await readPage(pageOf(url, pageRows, offset), token, { ...LIMITS, ...limits }, signal)
        const page = sha256Hex(JSON.stringify(rows))
        if (rows.length > pageRows || (rows.length > 0 && page === before)) {
          const detail = `${url.origin} gives the same rows whatever page is asked for; is it PostgREST?`
          throw new AppError('source-unrecognised', detail)
        }
        before = page
        for (const [row, value] of rows.entries()) yield readRecord(`row ${offset + row + 1}`, value)
        // A server with a limit of its own gives fewer rows than are asked for, so only an empty page is the end.
        if (rows.length === 0) return
        offset += rows.length
      }
    },
  }
}

/** Whether the text is an address rather than a path. */
export const isAddress = (text: string): boolean => /^https?:\/\//i.test(text)

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.username !== '' || url.password !== '') {
    const detail = 'The address of a table is a URL without a user or a password; set JUDGEMENTS_TOKEN instead.'
    throw new AppError('invalid-request', detail)
  }
  for (const name of ['limit', 'offset']) {
    if (!url.searchParams.has(name)) continue
    throw new AppError('invalid-request', `The table is read in pages: leave ${name} out of its address.`)
  }
  url.hash = ''
  return url
}

function pageOf(table: URL, limit: number, offset: number): URL {
  const url = new URL(table)
  if (!url.searchParams.has('select')) url.searchParams.set('select', COLUMNS)
  if (!url.searchParams.has('order')) url.searchParams.set('order', ORDER)
  url.searchParams.set('limit', String(limit))
  url.searchParams.set('offset', String(offset))
  return url
}
