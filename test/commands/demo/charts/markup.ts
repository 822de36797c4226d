/** The coordinates of the first line of a class in a piece of SVG. */
export function lineOf(markup: string, className: string): { x1: number; x2: number; y1: number; y2: number } {
  const line = markup.match(/<line [^>]*>/g)?.find((element) => element.includes(`class="${className}"`)) ?? ''
  const value = (name: string): number => Number(new RegExp(`${name}="([^"]*)"`).exec(line)?.[1] ?? NaN)
  return { x1: value('x1'), x2: value('x2'), y1: value('y1'), y2: value('y2') }
}

/** The values of an attribute of all elements of a name and, where it is given, a class, in their order. */
export function attributes(markup: string, element: string, attribute: string, className = ''): string[] {
  const elements = markup.match(new RegExp(`<${element} [^>]*>`, 'g')) ?? []
  return elements
    .filter((text) => text.includes(`class="${className}`))
    .map((text) => new RegExp(` ${attribute}="([^"]*)"`).exec(text)?.[1] ?? '')
}
