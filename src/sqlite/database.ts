import Libsql from 'libsql'
import { AppError, type ErrorCode } from '../core/errors.ts'

export type SqliteValue = string | number | bigint | Uint8Array | null
export type Row = Record<string, SqliteValue>

interface Statement<R> {
  run(...values: readonly SqliteValue[]): { changes: number }
  get(...values: readonly SqliteValue[]): R | undefined
  all(...values: readonly SqliteValue[]): R[]
}

/** A SQLite database: synchronous calls, statements compiled once, errors from the closed table. */
export interface Database {
  exec(sql: string): void
  /** A compiled statement; the last few hundred texts are kept compiled. Blobs come back as Uint8Array. */
  prepare<R = Row>(sql: string): Statement<R>
  /** Runs `body` between BEGIN IMMEDIATE and COMMIT, joins a transaction already open, and rolls back when it throws. */
  transaction<T>(body: () => T): T
  close(): void
}

type OpenOptions = {
  readonly readonly?: boolean
  /**
   * Whether the newest transactions may be missing after a power loss (never after SIGKILL), because they can be had again from
   * elsewhere: spares a wait for the disk each (`synchronous=NORMAL`).
   */
  readonly rebuildable?: boolean
  /** How long to wait for another process' write, in milliseconds. Default 10,000, the deadline of a publish. */
  readonly busyTimeout?: number
  /** A quota in bytes; past it writes fail with `storage-full`. */
  readonly maxBytes?: number
  /** The code for a file that is locked or cannot be read or written. Default `log-unavailable`. */
  readonly unavailable?: ErrorCode
}

type Code = { code?: string }

/** Each holds memory of SQLite's: far more than the program has statements, so that none it uses often is compiled twice. */
const MAX_STATEMENTS = 500

function translate(error: unknown, path: string, unavailable: ErrorCode): never {
  const code = (error as Code).code ?? ''
  const message = error instanceof Error ? error.message : String(error)
  const options = { cause: error }
  if (code.startsWith('SQLITE_FULL') || /disk is full/i.test(message)) {
    throw new AppError(
      'storage-full',
      `The disk or quota that holds ${path} is full; free some space and go on.`,
      options,
    )
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    throw new AppError(unavailable, `${path} is locked by another process.`, options)
  }
  // A file that cannot be opened has no code, only `ConnectionFailed("…: 14")`.
  if (code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_CANTOPEN') || message.startsWith('ConnectionFailed')) {
    throw new AppError(unavailable, `${path} cannot be read or written: ${message}`, options)
  }
  throw error
}

const plain = (value: unknown): SqliteValue =>
  value instanceof ArrayBuffer ? new Uint8Array(value) : (value as SqliteValue)

/** libsql adds `_metadata` to single rows and returns blobs as ArrayBuffer from lists: both are hidden here. */
function plainRow(row: unknown): Row {
  const result: Row = {}
  for (const [name, value] of Object.entries(row as Record<string, unknown>)) {
    if (name !== '_metadata') result[name] = plain(value)
  }
  return result
}

/** Opens a database in WAL mode with `synchronous=FULL`: a committed transaction survives SIGKILL and, unless `rebuildable`, power loss. */
export function openDatabase(path: string, options: OpenOptions = {}): Database {
  const guard = <T>(body: () => T): T => {
    try {
      return body()
    } catch (error) {
      if (error instanceof AppError) throw error
      return translate(error, path, options.unavailable ?? 'log-unavailable')
    }
  }
  const raw = guard(
    () => new Libsql(path, { readonly: options.readonly ?? false, timeout: options.busyTimeout ?? 10_000 }),
  )
  guard(() => {
    raw.exec(`PRAGMA busy_timeout=${options.busyTimeout ?? 10_000}`)
    // libsql takes `readonly` as a wish: query_only is what keeps it.
    const synchronous = options.rebuildable === true ? 'NORMAL' : 'FULL'
    raw.exec(
      options.readonly === true ? 'PRAGMA query_only=ON' : `PRAGMA journal_mode=WAL; PRAGMA synchronous=${synchronous}`,
    )
    raw.exec('PRAGMA foreign_keys=ON')
    if (options.maxBytes !== undefined) {
      const { page_size: pageSize } = raw.prepare('PRAGMA page_size').get() as { page_size: number }
      raw.exec(`PRAGMA max_page_count=${Math.max(1, Math.floor(options.maxBytes / pageSize))}`)
    }
  })
  const statements = new Map<string, Statement<unknown>>()

  const inTransaction = (): boolean => raw.inTransaction

  const compile = (sql: string): Statement<unknown> => {
    const statement = raw.prepare(sql)
    return {
      run: (...values) => guard(() => ({ changes: statement.run(...values).changes })),
      get: (...values) =>
        guard(() => {
          const row: unknown = statement.get(...values)
          return row === undefined ? undefined : plainRow(row)
        }),
      all: (...values) => guard(() => statement.all(...values).map(plainRow)),
    }
  }

  return {
    exec: (sql) => void guard(() => raw.exec(sql)),
    prepare<R>(sql: string) {
      const statement = statements.get(sql) ?? guard(() => compile(sql))
      // A map keeps the order of insertion, so the first is the one that was not used for longest.
      statements.delete(sql)
      statements.set(sql, statement)
      const [oldest] = statements.keys()
      if (oldest !== undefined && statements.size > MAX_STATEMENTS) statements.delete(oldest)
      return statement as Statement<R>
    },
    transaction(body) {
      if (inTransaction()) return body()
      guard(() => raw.exec('BEGIN IMMEDIATE'))
      try {
        const result = body()
        guard(() => raw.exec('COMMIT'))
        return result
      } catch (error) {
        // After SQLITE_FULL and some I/O errors SQLite has rolled back by itself.
        if (inTransaction()) raw.exec('ROLLBACK')
        throw error
      }
    },
    close: () => void raw.close(),
  }
}
