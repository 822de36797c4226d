import { secureHeaders } from 'hono/secure-headers'

/** Everything the page needs comes from this server; pictures may also be shown before they are sent (`blob:`). */
export const securityHeaders = () =>
  secureHeaders({
    strictTransportSecurity: false, // decided by whoever terminates TLS in front
    contentSecurityPolicy: {
      defaultSrc: ["'self'"],
      imgSrc: ["'self'", 'data:', 'blob:'],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  })
