import type { Line } from './lines.ts'
import type { SourceFault } from './source.ts'

/** The captions of a text that has one a line; blank lines are none, and a text of nothing else is one empty caption. */
export async function captionsOf(
  lines: AsyncIterable<Line>,
  source: string,
): Promise<{ readonly captions: readonly string[]; readonly faults: readonly SourceFault[] }> {
  const captions: string[] = []
  const faults: SourceFault[] = []
  for await (const line of lines) {
    if ('code' in line) faults.push({ source: `${source}:${line.number}`, code: line.code, detail: line.detail })
    else if (line.text.trim() !== '') captions.push(line.text)
  }
  // The publisher then refuses the entry as `caption-empty`: an empty file is a mistake, no file is a choice.
  return { captions: captions.length + faults.length === 0 ? [''] : captions, faults }
}
