/** What the page uses of an element of the DOM. Events do not bubble: the page listens where they happen. */
export type SmallElement = EventTarget & {
  readonly tag: string
  readonly attributes: Map<string, string>
  readonly style: Record<string, string>
  readonly children: readonly (SmallElement | string)[]
  textContent: string
  value: string
  checked: boolean
  open: boolean
  append(...children: (SmallElement | string)[]): void
  querySelectorAll(selector: string): SmallElement[]
}

/** Attributes that are there or not, and the same as properties. */
const switches = ['hidden', 'checked', 'disabled', 'open'] as const

const isElement = (node: unknown): node is SmallElement => node instanceof EventTarget && 'tag' in node

/** The element and all below it, in the order of the page. */
export function* walk(node: SmallElement): Generator<SmallElement> {
  yield node
  for (const child of node.children) if (isElement(child)) yield* walk(child)
}

/** Understands `tag`, `tag[name]` and `tag[name="value"]`, with any number of attributes. */
function matches(node: SmallElement, selector: string): boolean {
  const [tag = ''] = /^[a-z]+/.exec(selector) ?? []
  const wanted = [...selector.matchAll(/\[([\w-]+)(?:="([^"]*)")?\]/g)]
  return (
    node.tag === tag &&
    wanted.every(([, name = '', value]) =>
      value === undefined ? node.attributes.has(name) : node.attributes.get(name) === value,
    )
  )
}

export function createElement(tag: string): SmallElement {
  const attributes = new Map<string, string>()
  let children: (SmallElement | string)[] = []
  let value: string | null = null
  const toggle = (name: string, force = !attributes.has(name)): void => {
    if (force) attributes.set(name, '')
    else attributes.delete(name)
  }
  const members = {
    tag,
    attributes,
    style: {},
    dataset: {},
    files: [],
    get children() {
      return children
    },
    get value() {
      return value ?? attributes.get('value') ?? ''
    },
    set value(text: string) {
      value = text
    },
    get type() {
      return attributes.get('type') ?? ''
    },
    get className() {
      return attributes.get('class') ?? ''
    },
    set className(names: string) {
      attributes.set('class', names)
    },
    get textContent() {
      return children.map((child) => (isElement(child) ? child.textContent : child)).join('')
    },
    set textContent(text: string) {
      children = [text]
    },
    append: (...more: (SmallElement | string)[]) => void children.push(...more),
    replaceChildren: (...others: (SmallElement | string)[]) => void (children = others),
    setAttribute: (name: string, text: string) => void attributes.set(name, text),
    removeAttribute: (name: string) => void attributes.delete(name),
    toggleAttribute: toggle,
    querySelectorAll: (selector: string) => [...walk(node)].filter((each) => each !== node && matches(each, selector)),
    querySelector: (selector: string) => node.querySelectorAll(selector)[0] ?? null,
    focus: () => undefined,
    select: () => undefined,
    showModal: () => toggle('open', true),
    close: () => toggle('open', false),
  }
  const node = Object.defineProperties(
    new EventTarget(),
    Object.getOwnPropertyDescriptors(members),
  ) as unknown as SmallElement
  for (const name of switches) {
    Object.defineProperty(node, name, {
      get: () => attributes.has(name),
      set: (force: boolean) => toggle(name, force),
    })
  }
  return node
}

/** Stands for a class of the DOM where the page asks what kind of element it has found. */
export const kindOf = (name: string, tag: string | null) => ({
  name,
  [Symbol.hasInstance]: (node: unknown): boolean => isElement(node) && (tag === null || node.tag === tag),
})
