/**
 * What a caller may be allowed, and how the audit log takes note of it:
 * - `no`: not at all, it only reads what readers are there for;
 * - `change`: before it is tried, without which it is refused, and again with what became of it;
 * - `once`: when it is done, without which the answer is withheld; what many requests do need not be announced each time.
 */
export const permissions = {
  search: { what: 'search, and have texts and pictures encoded', audited: 'no' },
  'feedback:give': { what: 'say what became of hits', audited: 'no' },
  'pairs:read': { what: 'see pictures, captions, pairs and receipts of erasures', audited: 'no' },
  'pairs:publish': { what: 'publish pairs', audited: 'once' },
  'pairs:erase': { what: 'erase pairs', audited: 'change' },
  'models:read': { what: 'see models and release decisions', audited: 'no' },
  'retraining:request': { what: 'ask for a retraining', audited: 'change' },
  'status:read': { what: 'see the status', audited: 'no' },
  'metrics:read': { what: 'see the metrics', audited: 'no' },
  'subjects:export': { what: 'see everything that is kept of a person', audited: 'once' },
  'subjects:erase': { what: 'erase everything that is kept of a person', audited: 'change' },
  'audit:read': { what: 'read the audit log', audited: 'once' },
} as const satisfies Record<string, { readonly what: string; readonly audited: 'no' | 'change' | 'once' }>

export type Permission = keyof typeof permissions

export const allPermissions = Object.keys(permissions) as readonly Permission[]

const reader = ['search', 'feedback:give', 'pairs:read', 'models:read', 'status:read'] as const
const publisher = [...reader, 'pairs:publish'] as const
const operator = [...publisher, 'pairs:erase', 'retraining:request', 'metrics:read'] as const

/** What each role is allowed; each has what those before it have. */
export const rolePermissions = {
  reader,
  publisher,
  operator,
  admin: allPermissions,
} as const satisfies Record<string, readonly Permission[]>

export type AccessRole = keyof typeof rolePermissions

export const accessRoles = Object.keys(rolePermissions) as readonly AccessRole[]

export const isAccessRole = (text: string): text is AccessRole => Object.hasOwn(rolePermissions, text)

export const isPermission = (text: string): text is Permission => Object.hasOwn(permissions, text)

/** What roles are allowed together; with `scopes`, only those of it. */
export function permissionsOf(
  roles: readonly AccessRole[],
  scopes: readonly Permission[] | null = null,
): ReadonlySet<Permission> {
  const all = roles.flatMap((role): readonly Permission[] => rolePermissions[role])
  return new Set(scopes === null ? all : all.filter((permission) => scopes.includes(permission)))
}
