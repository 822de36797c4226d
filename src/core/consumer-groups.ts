/** The consumer group that alone writes a generation; a pair is searchable in it once the group has committed past its record. */
export const embedGroup = (generation: string): string => `embed-${generation}`

/**
 * A group without members, whose offset in each partition of `pairs` is that of the slowest live generation: the groups of generations
 * change their names with each release, and an autoscaler watches one fixed name.
 */
export const embedProgressGroup = 'embed'
