import { part } from './elements.ts'

/** Kept while the tab is open, and shown to no other site. */
const STORED = 'pairstream-credential'
/** The cookie lasts an hour at most; milliseconds. */
const RENEWAL = 20 * 60_000

const dialog = part('sign-in', HTMLDialogElement)
const form = part('sign-in-form', HTMLFormElement)
const field = part('credential', HTMLInputElement)
const refusal = part('sign-in-problem', HTMLParagraphElement)
const leave = part('sign-out', HTMLButtonElement)

let renewedAt = 0
let signingIn: Promise<void> | null = null
let signedIn: () => void = () => undefined

/** Fetches as whoever is signed in. Where the server asks who calls, or the session has ended, it is asked for, and the request repeated. */
export async function fetchSigned(address: string, init: RequestInit = {}): Promise<Response> {
  const credential = sessionStorage.getItem(STORED)
  if (credential !== null && Date.now() - renewedAt > RENEWAL) await openSession(credential)
  const response = await fetch(address, credential === null ? init : withCredential(credential, init))
  if (response.status !== 401) return response
  // Somebody may have signed in while this was under way.
  if (sessionStorage.getItem(STORED) === credential) await signIn()
  return fetchSigned(address, init)
}

const withCredential = (credential: string, init: RequestInit): RequestInit => ({
  ...init,
  headers: { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${credential}` },
})

/** Has the browser get the cookie that pictures are shown by; a request for one can carry no header. */
async function openSession(credential: string): Promise<Response> {
  const response = await fetch('/v1/session', withCredential(credential, { method: 'POST' }))
  if (response.ok) renewedAt = Date.now()
  return response
}

/** Asks once for all requests that wait for it. */
function signIn(): Promise<void> {
  signingIn ??= new Promise<void>((resolve) => {
    signedIn = resolve
    if (sessionStorage.getItem(STORED) !== null) refusal.textContent = 'Your token or key opens this no longer.'
    refusal.hidden = sessionStorage.getItem(STORED) === null
    sessionStorage.removeItem(STORED)
    dialog.showModal()
  }).finally(() => (signingIn = null))
  return signingIn
}

async function tryIt(credential: string): Promise<void> {
  refusal.hidden = true
  const response = await openSession(credential).catch(() => null)
  if (response?.ok !== true) {
    const problem = (await response?.json().catch(() => null)) as { detail?: string } | null | undefined
    refusal.textContent = problem?.detail ?? 'The server does not answer; try again.'
    refusal.hidden = false
    return
  }
  sessionStorage.setItem(STORED, credential)
  field.value = ''
  leave.hidden = false
  dialog.close()
  signedIn()
}

async function signOut(): Promise<void> {
  sessionStorage.removeItem(STORED)
  await fetch('/v1/session', { method: 'DELETE' }).catch(() => undefined)
  location.reload()
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  void tryIt(field.value.trim())
})
// Without an answer there is nothing to go back to.
dialog.addEventListener('cancel', (event) => event.preventDefault())
leave.addEventListener('click', () => void signOut())
leave.hidden = sessionStorage.getItem(STORED) === null
