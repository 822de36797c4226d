import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { OpenedPage } from './opened-page.ts'

/**
 * The page without a browser: its scripts as they are served, over a document that knows what they use. It shows that the page and
 * the API fit together; how it looks only a browser can tell.
 */
export function openWithoutBrowser(address: string): OpenedPage {
  const child = fork(join(import.meta.dirname, 'page-process.ts'), [address], { execArgv: ['--import', 'tsx'] })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`The page's process has ended with ${String(code)}.`)
  })
  ended.catch(() => undefined)

  const ask = async <T>(...question: readonly [string, ...string[]]): Promise<T> => {
    const answered = once(child, 'message')
    child.send(question)
    const [answer] = (await Promise.race([answered, ended])) as [{ result: T } | { error: string }]
    if ('error' in answer) throw new Error(answer.error)
    return answer.result
  }
  return {
    search: (words) => ask('search', words),
    signIn: (credential) => ask('signIn', credential),
    waitFor: (testId) => ask('waitFor', testId),
    async waitForText(testId, form) {
      while (!form.test(await ask<string>('textIfThere', testId)))
        await new Promise((resolve) => setTimeout(resolve, 10))
    },
    waitForPicture: () => Promise.reject(new Error('There is nothing to show a picture on.')),
    count: (testId) => ask('count', testId),
    text: (testId) => ask('text', testId),
    click: (testId) => ask('click', testId),
    address: () => ask('address'),
    errors: () => ask('errors'),
    async close() {
      child.kill()
      await ended.catch(() => undefined)
    },
  }
}
