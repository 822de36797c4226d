import type { OpenAPIHono } from '@hono/zod-openapi'
import { html } from 'hono/html'
import { errorCodes, type ErrorCode } from '../core/errors.ts'
import { statusOf } from './problem.ts'

export type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>

/** What the page reads of an operation; the document has more. */
type Operation = {
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly 'x-permission'?: string | null
  readonly parameters?: readonly {
    name: string
    in: string
    required?: boolean
    schema?: unknown
    description?: string
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema?: unknown }>> }
  readonly responses?: Readonly<
    Record<string, { description?: string; content?: Readonly<Record<string, { schema?: unknown }>> }>
  >
}
type Listed = Operation & { readonly method: string; readonly path: string }

/** The operations of the document as one page to read: no script, nothing loaded from elsewhere. */
export function docsPage(document: OpenApiDocument) {
  const listed = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({ ...operation, method, path })),
  )
  const tags = [...new Set(listed.map(tagOf))]
  const schemas = Object.entries(document.components?.schemas ?? {})
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Pairstream: HTTP API</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/docs.css" />
      </head>
      <body>
        <h1>Pairstream <small>HTTP API ${document.info.version}</small></h1>
        <p>${document.info.description} For programs: <a href="/openapi.json">openapi.json</a>.</p>
        ${tags.map((tag) => [html`<h2>${tag}</h2>`, listed.filter((each) => tagOf(each) === tag).map(operationSection)])}
        <h2>Schemas</h2>
        ${schemas.map(([name, schema]) => folded(html`<code id="${name}">${name}</code>`, schema))}
        <h2>Problems</h2>
        <table>
          ${(Object.keys(errorCodes) as ErrorCode[]).map(problemRow)}
        </table>
      </body>
    </html>`
}

const tagOf = ({ tags }: Operation): string => tags?.[0] ?? 'Other'

function operationSection({
  'x-permission': permission = null,
  method,
  path,
  summary,
  description,
  parameters = [],
  requestBody,
  responses = {},
}: Listed) {
  return html`<section>
    <h3><b class="${method}">${method.toUpperCase()}</b> <code>${path}</code></h3>
    <p>
      ${summary}.${description === undefined ? '' : ` ${description}`}
      ${permission === null ? '' : html`Needs <code>${permission}</code>.`}
    </p>
    ${
      parameters.length === 0
        ? ''
        : html`<table>
            ${parameters.map(parameterRow)}
          </table>`
    }
    ${Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => folded(`Body: ${type}`, schema))}
    ${Object.entries(responses).map(([status, response]) => {
      const words = `${status === 'default' ? 'Otherwise' : status}: ${response.description ?? ''}`
      const [content] = Object.values(response.content ?? {})
      return content === undefined ? html`<p>${words}</p>` : folded(words, content.schema)
    })}
  </section>`
}

const parameterRow = ({
  name,
  in: place,
  required,
  schema,
  description,
}: NonNullable<Operation['parameters']>[number]) =>
  html`<tr>
    <td><code>${name}</code></td>
    <td>${place}${required === true ? ', required' : ''}</td>
    <td>${description ?? ''} <code>${JSON.stringify(schema, withoutDescription)}</code></td>
  </tr>`

/** The description of a parameter stands beside its schema already. */
const withoutDescription = (name: string, value: unknown): unknown => (name === 'description' ? undefined : value)

const problemRow = (code: ErrorCode) =>
  html`<tr>
    <td><code>${code}</code></td>
    <td>${statusOf(code)}</td>
    <td>${errorCodes[code].title}</td>
  </tr>`

const folded = (summary: unknown, schema: unknown) =>
  html`<details>
    <summary>${summary}</summary>
    <pre>${JSON.stringify(schema, null, 2)}</pre>
  </details>`

export const docsStyle = `
  :root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 15%, Canvas); }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
  h3 { margin: 1.5rem 0 0; font-size: 1rem; }
  section p { margin: 0.25rem 0; }
  b { display: inline-block; min-width: 4rem; color: #2563eb; }
  b.post { color: #15803d; }
  b.delete { color: #b91c1c; }
  small { font-weight: normal; opacity: 0.7; }
  code, pre { font: 0.875rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
  pre { overflow-x: auto; padding: 0.75rem; border: 1px solid var(--line); border-radius: 0.5rem; }
  td { padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; }
  td:first-child { white-space: nowrap; }
  summary { cursor: pointer; }
`
