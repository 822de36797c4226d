/**
 * Measures each side once a round, the sides taking turns at being first, so that neither a warm-up nor a busy moment favours
 * one of them. Results by side, in the order of the rounds.
 */
export async function alternate<Side extends string, Result>(
  rounds: number,
  sides: Readonly<Record<Side, (round: number) => Promise<Result>>>,
  onRound: (round: number) => void = () => undefined,
): Promise<Record<Side, Result[]>> {
  const names = Object.keys(sides) as Side[]
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Side, Result[]>
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]
      if (name !== undefined) results[name].push(await sides[name](round))
    }
    onRound(round)
  }
  return results
}

/** Milliseconds that `body` took. */
export async function timed(body: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await body()
  return performance.now() - start
}
