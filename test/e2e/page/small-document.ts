import { createElement, kindOf, walk, type SmallElement } from './small-element.ts'

// The page's globals take the place of these.
const { fetch: request, FormData: Values } = globalThis

const voidTags = new Set(['meta', 'link', 'input', 'img', 'br', 'hr'])
const token =
  /<!--[^]*?-->|<!doctype[^>]*>|<\/([a-z0-9]+)\s*>|<([a-z0-9]+)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*(\/?)>|([^<]+)/gi

/** Reads HTML as it is written here: every element is closed, and attributes are quoted. Throws where it is not. */
export function parseHtml(html: string): SmallElement {
  const root = createElement('root')
  const open = [root]
  let at = 0
  for (const match of html.matchAll(token)) {
    if (match.index !== at) throw new Error(`The page cannot be read at: ${html.slice(at, at + 60)}`)
    at += match[0].length
    const [, closed, opened, attributes = '', selfClosed, words] = match
    if (words !== undefined && words.trim() !== '') open.at(-1)?.append(words)
    if (closed !== undefined && open.pop()?.tag !== closed) throw new Error(`</${closed}> closes what is not open.`)
    if (opened === undefined) continue
    const node = createElement(opened)
    for (const [, name = '', value = ''] of attributes.matchAll(/([\w:-]+)(?:="([^"]*)")?/g))
      node.attributes.set(name, value)
    open.at(-1)?.append(node)
    if (selfClosed !== '/' && !voidTags.has(opened)) open.push(node)
  }
  if (at !== html.length || open.length !== 1) throw new Error('The page is not closed.')
  return root
}

/** The values of a form's fields, as a browser would send them. */
function formValues(form: SmallElement): FormData {
  const values = new Values()
  for (const field of form.querySelectorAll('input')) {
    const name = field.attributes.get('name')
    const counts = field.attributes.get('type') !== 'radio' || field.checked
    if (name !== undefined && counts) values.append(name, field.value)
  }
  return values
}

export type SmallWindow = {
  /** What the page's scripts find as globals. */
  readonly globals: Readonly<Record<string, unknown>>
  readonly place: () => URL
}

/** As much of a browser's window as the page uses, at `address`. */
export function createWindow(root: SmallElement, address: string): SmallWindow {
  let place = new URL(address)
  const events = new EventTarget()
  const document = Object.assign(new EventTarget(), {
    hidden: false,
    title: '',
    createElement,
    getElementById: (id: string) => [...walk(root)].find(({ attributes }) => attributes.get('id') === id) ?? null,
    querySelector: (selector: string) => root.querySelectorAll(selector)[0] ?? null,
  })
  const stored = new Map<string, string>()
  const globals = {
    document,
    sessionStorage: {
      getItem: (name: string) => stored.get(name) ?? null,
      setItem: (name: string, value: string) => void stored.set(name, value),
      removeItem: (name: string) => void stored.delete(name),
    },
    location: {
      get pathname() {
        return place.pathname
      },
      get search() {
        return place.search
      },
    },
    history: { pushState: (_: unknown, __: string, to: string) => void (place = new URL(to, place)) },
    addEventListener: events.addEventListener.bind(events),
    fetch: (to: string, init?: RequestInit) => request(new URL(to, place), init),
    FormData: new Proxy(Values, {
      construct: (_, [form]: [SmallElement?]) => (form === undefined ? new Values() : formValues(form)),
    }),
    HTMLElement: kindOf('HTMLElement', null),
    HTMLFormElement: kindOf('HTMLFormElement', 'form'),
    HTMLInputElement: kindOf('HTMLInputElement', 'input'),
    HTMLDivElement: kindOf('HTMLDivElement', 'div'),
    HTMLParagraphElement: kindOf('HTMLParagraphElement', 'p'),
    HTMLButtonElement: kindOf('HTMLButtonElement', 'button'),
    HTMLDialogElement: kindOf('HTMLDialogElement', 'dialog'),
  }
  return { globals, place: () => place }
}
