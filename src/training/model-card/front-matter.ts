/** A value of a YAML document; objects keep the order of their fields. */
export type YamlValue = string | number | readonly YamlValue[] | { readonly [field: string]: YamlValue }

const pad = (depth: number): string => '  '.repeat(depth)

/** Texts are written as JSON strings, which YAML reads as such: no word is then taken for a date or a truth value. */
function lines(value: YamlValue, depth: number): string[] {
  if (typeof value !== 'object') return [JSON.stringify(value)]
  if (isList(value)) {
    return value.flatMap((item) => {
      const [first = '', ...others] = lines(item, depth + 1)
      return [`${pad(depth)}- ${first.trimStart()}`, ...others]
    })
  }
  return Object.entries(value).flatMap(([field, held]) => {
    if (typeof held !== 'object') return [`${pad(depth)}${field}: ${JSON.stringify(held)}`]
    return [`${pad(depth)}${field}:`, ...lines(held, depth + 1)]
  })
}

const isList = (value: YamlValue): value is readonly YamlValue[] => Array.isArray(value)

/** The block of YAML at the beginning of a Markdown file that says what it is about. */
export const frontMatter = (fields: Readonly<Record<string, YamlValue>>): string =>
  ['---', ...lines(fields, 0), '---'].join('\n')
