import { AppError } from '../../core/errors.ts'

/** The hub cannot answer now. Trying again may help, after `waitFor` milliseconds where it said how long. */
export class HubAway extends AppError {
  readonly waitFor: number | null

  constructor(detail: string, waitFor: number | null = null, options?: ErrorOptions) {
    super('hub-unavailable', detail, options)
    this.waitFor = waitFor
  }
}
