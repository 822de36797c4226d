import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose'
import { onTestFinished } from 'vitest'

export const ISSUER = 'https://issuer.test/'
export const AUDIENCE = 'pairstream'

export type SigningKey = {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: object
}

export async function signingKey(alg: string, kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

const seconds = () => Math.floor(Date.now() / 1_000)

/** What a good token holds; a claim that is set to undefined is left out. */
export const claims = (changes: JWTPayload = {}): JWTPayload => {
  const all: Record<string, unknown> = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'ada',
    roles: ['reader'],
    exp: seconds() + 300,
    ...changes,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

export const signed = ({ kid, alg, privateKey }: SigningKey, payload: JWTPayload = claims()): Promise<string> =>
  new SignJWT(payload).setProtectedHeader({ alg, kid }).sign(privateKey)

export const signedWith = (secret: string, payload: JWTPayload = claims(), alg = 'HS256'): Promise<string> =>
  new SignJWT(payload).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret))

/** A server of public keys on this machine, as an issuer has one. */
export async function startIssuer(first: readonly SigningKey[]) {
  let keys = first
  let asked = 0
  let server: Server | null = null
  const start = async (port: number): Promise<number> => {
    server = createServer((_, response) => {
      asked++
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }))
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const stop = async (): Promise<void> => {
    if (server === null) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    server = null
    await closed
  }
  const port = await start(0)
  onTestFinished(stop)
  return {
    url: new URL(`http://127.0.0.1:${port}/keys`),
    rotate: (next: readonly SigningKey[]) => void (keys = next),
    asked: () => asked,
    stop,
    startAgain: () => start(port),
  }
}
