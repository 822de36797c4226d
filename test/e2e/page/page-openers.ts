import { findChromium, openInChromium } from './chromium-page.ts'
import type { OpenedPage } from './opened-page.ts'
import { openWithoutBrowser } from './small-page.ts'

type Opener = readonly [where: string, open: (address: string) => Promise<OpenedPage>]

/** The ways there are on this machine to open the search page. */
export function pageOpeners(): readonly Opener[] {
  const chromium = findChromium()
  const withoutBrowser: Opener = ['without a browser', async (address) => openWithoutBrowser(address)]
  if (chromium === null) return [withoutBrowser]
  return [withoutBrowser, ['in Chromium', (address) => openInChromium(chromium, address)]]
}
