import { duration } from '../figures.ts'
import { escapeMarkup } from './markup.ts'
import { querySection } from './report-queries.ts'
import { gateSection, recallSection, timelineSection, trainingSection } from './report-sections.ts'
import { reportStyle } from './report-style.ts'
import { summarise } from './report-summary.ts'
import type { Story } from './story.ts'

/** Nothing is loaded and nothing is run: what the page shows is all in it. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

function when({ startedAt, endedAt }: Story): string {
  const started = new Date(startedAt).toISOString()
  const day = `${started.slice(0, 10)}, ${started.slice(11, 16)} UTC`
  return `<p class="when"><time datetime="${started}">${day}</time>, ${duration(endedAt - startedAt)} in all</p>`
}

/** A demo's story as one HTML file that stands alone: no script, no address outside itself, all text escaped. */
export async function writeReport(story: Story): Promise<string> {
  const queries: string[] = []
  for (const query of story.queries) queries.push(await querySection(query))
  const searches = queries.length === 0 ? '' : `<h2>The same searches, before and after</h2>${queries.join('')}`
  const summary = summarise(story).map((sentence) => `<p>${escapeMarkup(sentence)}</p>`)
  const title = escapeMarkup(story.title)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${reportStyle}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${when(story)}
<div class="summary">${summary.join('')}</div>
${searches}
${recallSection(story)}
${gateSection(story)}
${trainingSection(story)}
${timelineSection(story)}
</main>
</body>
</html>
`
}
