import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { OpenedPage } from './opened-page.ts'

const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** The browser that `CHROMIUM_PATH` names (which must be there), or one in the usual places; null where there is none. */
export function findChromium(): string | null {
  const named = process.env['CHROMIUM_PATH']
  if (named === undefined || named === '') return usualPlaces.find((path) => existsSync(path)) ?? null
  if (!existsSync(named)) throw new Error('CHROMIUM_PATH names no file.')
  return named
}

export async function openInChromium(executablePath: string, address: string): Promise<OpenedPage> {
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(address)
  return {
    async search(words) {
      await page.getByTestId('search-input').fill(words)
      await page.keyboard.press('Enter')
    },
    async signIn(credential) {
      await page.getByTestId('credential').fill(credential)
      await page.keyboard.press('Enter')
    },
    waitFor: (testId) => page.getByTestId(testId).first().waitFor(),
    waitForText: (testId, form) => page.getByTestId(testId).filter({ hasText: form }).first().waitFor(),
    waitForPicture: () =>
      // As text, since what runs in the page has types that this side lacks.
      page.waitForFunction('document.querySelector(".results img")?.naturalWidth > 0').then(() => undefined),
    count: (testId) => page.getByTestId(testId).count(),
    text: async (testId) => (await page.getByTestId(testId).first().textContent()) ?? '',
    click: (testId) => page.getByTestId(testId).first().click(),
    address: async () => page.url(),
    errors: async () => errors,
    close: () => browser.close(),
  }
}
