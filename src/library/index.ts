export { AppError, type ErrorCode } from '../core/errors.ts'
export { loadDatabase, saveDatabase, type Database, type Hit } from './database.ts'
export { createPredictor, type Picture, type Predictor, type RankedImage } from './predictor.ts'
