/** What the names of collections may begin with on a server that several systems share: nothing that they begin with themselves. */
export const collectionPrefix = {
  pattern: /^(?!images_|captions_)[A-Za-z0-9_-]{0,60}$/,
  rule: 'is at most 60 letters, digits, dashes and underscores, not beginning with images_ or captions_',
} as const
