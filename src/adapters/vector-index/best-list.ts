export type Scored = { readonly score: number; readonly id: string; readonly number: number }

/** Whether `a` ranks before `b`: the higher score, ties by id. */
const before = (a: Scored, b: Scored): boolean => a.score > b.score || (a.score === b.score && a.id < b.id)

/** Keeps the best `capacity` of what it is offered, in a heap whose root is the worst one kept. */
export function createBestList(capacity: number) {
  const heap: Scored[] = []
  const at = (position: number): Scored => heap[position] as Scored

  const swap = (a: number, b: number): void => {
    const entry = at(a)
    heap[a] = at(b)
    heap[b] = entry
  }
  const rise = (position: number): void => {
    for (
      let parent = (position - 1) >> 1;
      position > 0 && before(at(parent), at(position));
      parent = (position - 1) >> 1
    ) {
      swap(position, parent)
      position = parent
    }
  }
  const sink = (position: number): void => {
    for (;;) {
      let worst = position
      for (const child of [2 * position + 1, 2 * position + 2]) {
        if (child < heap.length && before(at(worst), at(child))) worst = child
      }
      if (worst === position) return
      swap(position, worst)
      position = worst
    }
  }

  return {
    /** Whether an entry with this score could still get in: spares making entries that cannot. */
    admits: (score: number): boolean => heap.length < capacity || (capacity > 0 && score >= at(0).score),
    offer(entry: Scored): void {
      if (heap.length < capacity) {
        heap.push(entry)
        rise(heap.length - 1)
      } else if (capacity > 0 && before(entry, at(0))) {
        heap[0] = entry
        sink(0)
      }
    },
    /** What was kept, best first. */
    sorted: (): Scored[] => heap.toSorted((a, b) => (before(a, b) ? -1 : 1)),
  }
}
