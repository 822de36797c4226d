const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * The text made safe between tags and within quotes, in SVG and HTML alike: captions are users' data. What XML 1.0 does not
 * allow at all (control characters, lone surrogates, the two non-characters) is dropped, as one of these spoils the whole document.
 */
export function escapeMarkup(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/[\uFFFE\uFFFF]/g, '')
    .replace(/[&<>"']/g, (character) => entities[character] ?? '')
}

/** A coordinate with at most two decimals, so that documents stay small and comparable. */
export const coordinate = (value: number): string => String(Math.round(value * 100) / 100)
