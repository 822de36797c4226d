import { allPermissions, type Permission } from '../../core/permissions.ts'

/** Who calls, and what they may. */
export type Principal = {
  /** Opaque: `local`, `key:<id of the key>`, `user:<digest>`, `cli:<digest>`. */
  readonly id: string
  /** What the digest stands for; null where the id says it all. It is kept apart from what is kept for ever. */
  readonly name: string | null
  readonly permissions: ReadonlySet<Permission>
  /** What was shown; `null` where nothing has to be. */
  readonly proof: Proof | null
}

/** What a session stands for: a key, which is looked up again at each request, or a token, whose roles hold to its end. */
export type Proof =
  | { readonly type: 'key'; readonly keyId: string; readonly expiresAt: number | null }
  | { readonly type: 'token'; readonly roles: readonly string[]; readonly expiresAt: number }

/** Whoever reaches a server that only its own machine can reach. */
export const localPrincipal: Principal = {
  id: 'local',
  name: null,
  permissions: new Set(allPermissions),
  proof: null,
}
