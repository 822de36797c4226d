import { describe, expect, it } from 'vitest'
import { AppError } from '../../../src/core/errors.ts'
import { createWriteQueue, nothing } from '../../../src/adapters/event-log/write-queue.ts'
import type { Database } from '../../../src/sqlite/database.ts'
import { openDatabase } from '../../../src/sqlite/database.ts'

const limits = { deadline: 10_000, records: 10_000, bytes: 256_000_000 }
const one = { records: 1, bytes: 100 }

/** A database in memory that counts its transactions. */
function countingDatabase(): Database & { readonly transactions: number } {
  const database = openDatabase(':memory:')
  let transactions = 0
  return {
    ...database,
    transaction(body) {
      transactions++
      return database.transaction(body)
    },
    get transactions() {
      return transactions
    },
  }
}

describe('the write queue', () => {
  it('puts a thousand concurrent writes into one transaction, in the order of the calls', async () => {
    const database = countingDatabase()
    const queue = createWriteQueue(database, limits)
    const order: number[] = []
    const results = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        queue.write(one, () => {
          order.push(index)
          return index
        }),
      ),
    )
    expect(database.transactions).toBe(1)
    expect(order).toEqual(results)
    expect(results).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
  })

  it('splits what would make a transaction too long', async () => {
    const database = countingDatabase()
    const queue = createWriteQueue(database, limits)
    await Promise.all(Array.from({ length: 5_000 }, () => queue.write(one, () => null)))
    expect(database.transactions).toBe(3)
  })

  it('acknowledges nothing of a transaction that failed, and goes on with the next', async () => {
    const database = countingDatabase()
    database.exec('CREATE TABLE t (a)')
    const queue = createWriteQueue(database, limits)
    const good = queue.write(one, () => database.exec('INSERT INTO t VALUES (1)'))
    const bad = queue.write(one, () => {
      throw new AppError('storage-full', 'full')
    })
    await expect(bad).rejects.toMatchObject({ code: 'storage-full' })
    await expect(good).rejects.toMatchObject({ code: 'storage-full' })
    expect(database.prepare('SELECT * FROM t').all()).toEqual([])
    await queue.write(one, () => database.exec('INSERT INTO t VALUES (2)'))
    expect(database.prepare('SELECT * FROM t').all()).toEqual([{ a: 2 }])
  })

  it('takes commits also while it is full of records, and one call larger than itself when it is empty', async () => {
    const queue = createWriteQueue(countingDatabase(), { ...limits, records: 2 })
    const large = queue.write({ records: 3, bytes: 0 }, () => 'large')
    const refused = queue.write(one, () => 'refused')
    const commit = queue.write(nothing, () => 'commit')
    await expect(refused).rejects.toMatchObject({ code: 'publish-unconfirmed' })
    expect(await Promise.all([large, commit])).toEqual(['large', 'commit'])
  })
})
