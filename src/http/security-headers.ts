import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';

/**
 * The headers that every answer of the API carries. helmet decides them once, at start: asking it again for each
 * request would only repeat the same strings on the hot path.
 */
export function securityHeaders(options: { https: boolean }): Record<string, string> {
  const collected: Record<string, string> = {};
  const recorder = {
    setHeader: (name: string, value: string) => {
      collected[name.toLowerCase()] = value;
    },
    removeHeader: () => {},
  };
  const decide = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    strictTransportSecurity: options.https ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    xFrameOptions: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    xDownloadOptions: false,
    xDnsPrefetchControl: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
    originAgentCluster: false,
    crossOriginOpenerPolicy: false,
  });
  decide({} as IncomingMessage, recorder as unknown as ServerResponse, () => {});
  return collected;
}
