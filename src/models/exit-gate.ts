/**
 * At its exit Node.js interrupts the JavaScript of every thread, and the whole process aborts where that meets a native library in the
 * middle of a call: onnxruntime-node throws, and nothing is left to catch it. So the exit waits until no thread is in such a call.
 */
export type ExitGate = {
  /** Runs `work`, which the exit of the process then waits for; never resolves where the exit has begun. */
  pass<T>(work: () => Promise<T>): Promise<T>
  /** Ends the call that the thread began in. */
  leave(): void
}

/** Two numbers that a thread shares with the one that started it: whether it is in a call, and whether the process exits. */
export type GateState = Int32Array<SharedArrayBuffer>

const IN_CALL = 0
const EXITING = 1

/** The longest that an exit waits, in milliseconds. */
const LONGEST_WAIT = 1_500

const waitedFor = new Set<GateState>()

/** The state of a thread that begins in a call: loading the native library is one. */
export function newGate(): GateState {
  const state = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
  state[IN_CALL] = 1
  if (waitedFor.size === 0) process.once('exit', waitForAll)
  waitedFor.add(state)
  return state
}

/** To be called once the thread has ended. */
export function forgetGate(state: GateState): void {
  waitedFor.delete(state)
  if (waitedFor.size === 0) process.off('exit', waitForAll)
}

function waitForAll(): void {
  const deadline = performance.now() + LONGEST_WAIT
  for (const state of waitedFor) Atomics.store(state, EXITING, 1)
  for (const state of waitedFor) Atomics.wait(state, IN_CALL, 1, Math.max(0, deadline - performance.now()))
}

/** The thread's side of its gate. */
export function exitGate(state: GateState): ExitGate {
  const leave = (): void => {
    Atomics.store(state, IN_CALL, 0)
    Atomics.notify(state, IN_CALL)
  }
  return {
    leave,
    async pass(work) {
      // In this order: the exit looks at them in the other one.
      Atomics.store(state, IN_CALL, 1)
      if (Atomics.load(state, EXITING) === 1) {
        leave()
        return new Promise(() => {})
      }
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}
