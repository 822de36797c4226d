/** The consumer group that alone writes a generation; a pair is searchable in it once the group has committed past its record. */
export const embedGroup = (generation: string): string => `embed-${generation}`
