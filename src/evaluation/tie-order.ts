/** Descending by code units, as trec_eval's `strcmp` for the ids that occur: no locale decides a rank. */
export const compareIdsDescending = (a: string, b: string): number => (a === b ? 0 : a > b ? -1 : 1)
