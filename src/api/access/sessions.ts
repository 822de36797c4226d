import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import type { Principal, Proof } from './principal.ts'
import type { SharedSecret } from './shared-secret.ts'

export const SESSION_COOKIE = 'pairstream_session'

/** Milliseconds; a credential that ends before ends its sessions. */
const LONGEST_SESSION = 3_600_000

const SECOND = 1_000
const TYPE = 'pairstream-session'
const claims = z.object({
  sub: z.string(),
  exp: z.number(),
  name: z.string().nullable(),
  proof: z.union([
    z.object({ type: z.literal('key'), keyId: z.string(), expiresAt: z.number().nullable() }),
    z.object({ type: z.literal('token'), roles: z.array(z.string()), expiresAt: z.number() }),
  ]),
})

export type Session = { readonly id: string; readonly name: string | null; readonly proof: Proof }

export interface Sessions {
  /** What a browser keeps in a cookie, and until when (milliseconds since the epoch). */
  open(principal: Principal & { readonly proof: Proof }): Promise<{ readonly text: string; readonly expiresAt: number }>
  /** Whose session it is. Throws `unauthenticated`. */
  read(text: string): Promise<Session>
}

/**
 * Sessions of browsers, which cannot send a header with a picture: a text that says who has shown what, signed with the secret that all
 * replicas share, and kept nowhere. What it stands for is checked again at each request.
 */
export function createSessions({ secret, clock }: { secret: SharedSecret; clock: () => number }): Sessions {
  return {
    async open({ id, name, proof }) {
      const { name: kid, bytes } = await secret.current()
      const expiresAt = Math.min(clock() + LONGEST_SESSION, proof.expiresAt ?? Infinity)
      const text = await new SignJWT({ name, proof })
        .setProtectedHeader({ alg: 'HS256', typ: TYPE, kid })
        .setSubject(id)
        .setExpirationTime(Math.floor(expiresAt / 1_000))
        .sign(bytes)
      return { text, expiresAt }
    },
    async read(text) {
      const bytes = await secret.find(keyIdOf(text))
      if (bytes === null) throw ended()
      try {
        const options = { algorithms: ['HS256'], typ: TYPE, currentDate: new Date(clock()) }
        const { sub, exp, name, proof } = claims.parse((await jwtVerify(text, bytes, options)).payload)
        // None is made for longer: whoever has read the secret could make one for ever.
        if (exp * 1_000 > clock() + LONGEST_SESSION + SECOND) throw ended()
        return { id: sub, name, proof }
      } catch (error) {
        throw ended(error)
      }
    },
  }
}

function keyIdOf(text: string): string {
  try {
    return decodeProtectedHeader(text).kid ?? ''
  } catch (error) {
    throw ended(error)
  }
}

const ended = (cause?: unknown): AppError =>
  new AppError('unauthenticated', 'The session has ended; sign in again.', { cause })
