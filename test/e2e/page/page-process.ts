import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { OpenedPage } from './opened-page.ts'
import { createWindow, parseHtml } from './small-document.ts'
import { walk, type SmallElement } from './small-element.ts'

/** Runs the scripts of the page at an address, which it is given, and answers what its parent asks: `[method, ...values]`. */

type Inside = Pick<OpenedPage, 'search' | 'signIn' | 'waitFor' | 'count' | 'text' | 'click' | 'address' | 'errors'> & {
  textIfThere(testId: string): Promise<string>
}

const [, , address = ''] = process.argv
const errors: string[] = []
process.on('uncaughtException', (error) => errors.push(error.message))

async function served(path: string, type: RegExp): Promise<string> {
  const response = await fetch(new URL(path, address))
  const contentType = response.headers.get('content-type') ?? ''
  if (!response.ok || !type.test(contentType)) throw new Error(`${path}: ${response.status} ${contentType}`)
  return response.text()
}

/** Fetches a module and those that it imports, as they are served. */
async function fetchModules(name: string, folder: string, seen = new Set<string>()): Promise<void> {
  if (seen.has(name)) return
  seen.add(name)
  const code = await served(`/${name}`, /^text\/javascript/)
  await writeFile(join(folder, name), code)
  for (const [, imported = ''] of code.matchAll(/from ['"]\.\/([\w-]+\.js)['"]/g))
    await fetchModules(imported, folder, seen)
}

async function open(): Promise<Inside> {
  const root = parseHtml(await served('/', /^text\/html/))
  const { globals, place } = createWindow(root, address)
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  const script = root.querySelectorAll('script[type="module"]')[0]?.attributes.get('src') ?? ''
  const folder = await mkdtemp(join(tmpdir(), 'pairstream-page-'))
  try {
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    await fetchModules(script.replace(/^\//, ''), folder)
    await import(pathToFileURL(join(folder, script)).href)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }

  const found = (testId: string): SmallElement[] =>
    [...walk(root)].filter(({ attributes }) => attributes.get('data-testid') === testId)
  const first = (testId: string): SmallElement => {
    const [node] = found(testId)
    if (node === undefined) throw new Error(`There is no ${testId}.`)
    return node
  }
  return {
    async search(words) {
      first('search-input').value = words
      root.querySelectorAll('form')[0]?.dispatchEvent(new Event('submit', { cancelable: true }))
    },
    async signIn(credential) {
      first('credential').value = credential
      first('sign-in-form').dispatchEvent(new Event('submit', { cancelable: true }))
    },
    async waitFor(testId) {
      while (found(testId).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    },
    count: async (testId) => found(testId).length,
    textIfThere: async (testId) => found(testId)[0]?.textContent ?? '',
    text: async (testId) => first(testId).textContent,
    click: async (testId) => void first(testId).dispatchEvent(new Event('click')),
    address: async () => place().href,
    errors: async () => errors,
  }
}

const page = open()
process.on('message', ([method, ...values]: [keyof Inside, string]) => {
  page
    .then(async (inside): Promise<unknown> => inside[method](...values))
    .then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: String(error) }),
    )
})
