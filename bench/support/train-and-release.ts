import { setTimeout as delay } from 'node:timers/promises'
import { promoteModel, requestRetraining } from '../../src/roles/commands.ts'
import type { Services } from '../../src/roles/services.ts'
import { startRoles } from '../../src/roles/start-roles.ts'
import type { TrainingEvents } from '../../src/training/train-request.ts'
import { progress } from './machine.ts'

const LOOK_EVERY = 50
const TELL_EVERY = 10_000

/** Says how far a training is, not more often than is of use. */
function tellTraining(): TrainingEvents {
  let shown = 0
  return {
    onFeatures(done, total) {
      if (done === total || done % 512 === 0) progress(`${done} of ${total} pictures went through the backbone`)
    },
    onProgress(_, { epoch, epochs }) {
      if (epoch > shown) progress(`training: epoch ${epoch} of at most ${epochs}`)
      shown = Math.max(shown, epoch)
    },
  }
}

/** Resolves once a release serves; promotes the model by hand where the gate holds it back, as it saw little. */
async function releasing(services: Services): Promise<void> {
  const { catalogue } = services
  let told = performance.now()
  while (catalogue.currentRelease() === null) {
    const model = catalogue.models().at(-1)
    if (model !== undefined && model.outcome !== 'trained')
      throw new Error(`The training failed: ${model.detail ?? ''}`)
    const heldBack = ['rejected', 'inconclusive'].includes(catalogue.releases().at(-1)?.state ?? '')
    if (model !== undefined && heldBack) await promoteModel(services, model.modelVersion, 'bench')
    if (model !== undefined && performance.now() - told > TELL_EVERY) {
      told = performance.now()
      progress('the model is judged, or its index is being built')
    }
    await delay(LOOK_EVERY)
  }
}

/** Trains the first model on what is published, and resolves once it serves. */
export async function trainAndRelease(services: Services): Promise<void> {
  const roles = await startRoles(services, ['train', 'release', 'embed'], tellTraining())
  try {
    await requestRetraining(services, 'manual', 'bench')
    await Promise.race([roles.failed, releasing(services)])
    progress('the model serves')
  } finally {
    await roles.stop()
  }
}
