/** Estimates the time left from the last steps: an average that forgets, since other work on the machine comes and goes. */
export function createPace(now: () => number = () => performance.now()) {
  let last = now()
  let average: number | null = null
  return {
    step(): void {
      const time = now()
      average = average === null ? time - last : average * 0.95 + (time - last) * 0.05
      last = time
    },
    secondsLeft: (steps: number): number => ((average ?? 0) * steps) / 1000,
  }
}
