const narrow = /[iljtfrI.,:;'!|()[\] ]/
const wide = /[mwMW@%—…]/
const fullWidth =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\p{Extended_Pictographic}]/u

/**
 * About how wide a text is, in units of the font size. Nobody knows which sans-serif will draw it, so this measures one of
 * the widest in use (DejaVu Sans); in others the text takes less room than it was given.
 */
export function textWidth(text: string): number {
  let width = 0
  for (const character of text) {
    if (fullWidth.test(character)) width += 1.05
    else if (narrow.test(character)) width += 0.38
    else if (wide.test(character)) width += 0.98
    else if (/\p{Lu}/u.test(character)) width += 0.72
    else width += 0.62
  }
  return width
}

/** The text, or as much of it as fits with an ellipsis into `width` units at `size` units a letter. */
export function fitText(text: string, width: number, size: number): string {
  if (textWidth(text) * size <= width) return text
  let fitted = ''
  for (const character of text) {
    if ((textWidth(fitted + character) + textWidth('…')) * size > width) break
    fitted += character
  }
  return `${fitted.trimEnd()}…`
}

/** The words of the text on at most `most` lines of `width` units, the last one ending in an ellipsis where something is cut. */
export function fitLines(text: string, width: number, size: number, most: number): string[] {
  const words = text.split(/\s+/).filter((word) => word !== '')
  const lines: string[] = []
  let line = ''
  while (words.length > 0 && lines.length < most - 1) {
    const longer = line === '' ? (words[0] ?? '') : `${line} ${words[0] ?? ''}`
    if (line !== '' && textWidth(longer) * size > width) {
      lines.push(line)
      line = ''
    } else {
      line = longer
      words.shift()
    }
  }
  const last = [line, ...words].filter((part) => part !== '').join(' ')
  return (last === '' ? lines : [...lines, last]).map((one) => fitText(one, width, size))
}
