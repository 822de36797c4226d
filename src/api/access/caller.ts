import type { Context } from 'hono'
import type { ApiEnvironment } from '../middleware/trace.ts'
import { localPrincipal } from './principal.ts'

/** Who a change is made for, in a form that may be kept for ever. */
export const callerOf = (context: Context<ApiEnvironment>): string => (context.get('principal') ?? localPrincipal).id

/** The same for what is kept of people; null where nobody is told from another. */
export function askerOf(context: Context<ApiEnvironment>): string | null {
  const { id } = context.get('principal') ?? localPrincipal
  return id === localPrincipal.id ? null : id
}
