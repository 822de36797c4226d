import type { Services } from '../services.ts'
import type { Check } from './check.ts'
import { deadLetterCheck, lagCheck } from './flow-checks.ts'
import { backboneCheck, indexCheck, modelCheck, trackingCheck } from './release-checks.ts'
import { blobCheck, catalogueCheck, clockCheck, logCheck } from './store-checks.ts'

/** What can be asked through the ports, in the order in which one thing rests on another. */
export const platformChecks = (services: Services): readonly Check[] =>
  [
    logCheck,
    clockCheck,
    catalogueCheck,
    blobCheck,
    indexCheck,
    trackingCheck,
    modelCheck,
    backboneCheck,
    lagCheck,
    deadLetterCheck,
  ].map((make) => make(services))
