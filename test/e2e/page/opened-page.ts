/** The search page as somebody uses it. An element is named by its test id; where there are several, the first is meant. */
export type OpenedPage = {
  /** Writes into the search field and presses Enter. */
  search(words: string): Promise<void>
  /** Writes into the form that asks who calls, and presses Enter. */
  signIn(credential: string): Promise<void>
  /** Resolves once there is such an element. */
  waitFor(testId: string): Promise<void>
  /** Resolves once the first such element has a text of this form. */
  waitForText(testId: string, form: RegExp): Promise<void>
  /** Resolves once a picture of a result is shown; without a browser there is none. */
  waitForPicture(): Promise<void>
  count(testId: string): Promise<number>
  text(testId: string): Promise<string>
  click(testId: string): Promise<void>
  address(): Promise<string>
  /** What went wrong in the page, unnoticed by who uses it. */
  errors(): Promise<readonly string[]>
  close(): Promise<void>
}
