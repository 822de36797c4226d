/** Gives `tell` each state that is not well ('') once, however often it is found, until all is well again. */
export function toldOnce(tell: (state: string) => void): (state: string) => void {
  const told = new Set<string>()
  return (state) => {
    if (state === '') told.clear()
    else if (!told.has(state)) {
      told.add(state)
      tell(state)
    }
  }
}
