import type { JsonObject } from '../../outbound/json-answer.ts';
import { OutboundError } from '../../outbound/outbound-types.ts';

const MAX_SHOWN = 200;

/** What a discovery document calls its issuer, as far as it can be an address: foreign text, for the operator alone. */
function shownIssuer(document: JsonObject | undefined): string {
  const named = document?.issuer;
  if (typeof named !== 'string') return 'no issuer';
  return `issuer "${named.replaceAll(/[^!-~]/g, '?').slice(0, MAX_SHOWN)}"`;
}

/** The failure for a discovery document of another issuer than the configured one (OIDC Discovery 1.0 section 4.3). */
export function otherIssuer(configured: string, document: JsonObject | undefined): OutboundError {
  return new OutboundError(
    'protocol',
    new URL(configured).origin,
    `The discovery document says ${shownIssuer(document)}; the configuration says "${configured}". Write it letter by letter.`,
  );
}
