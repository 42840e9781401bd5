import { OutboundError, type OutboundFailure } from '../outbound/outbound-types.ts';

const SENTENCES: Record<OutboundFailure, string> = {
  timeout: 'does not answer in time',
  unreachable: 'cannot be reached',
  untrusted: 'shows a TLS certificate that is not trusted for this host',
  refused_address: 'resolves to an address that is never called (link-local, metadata or the like)',
  too_large: 'answers with more bytes than max_response_bytes',
  protocol: 'does not answer in proper, uncompressed HTTP',
  busy: 'has more calls waiting than are allowed',
  no_credentials: 'would not give us credentials',
};

/** What is wrong with a connection, in a sentence for the operator; holds origin and kind alone. */
export function failureSentence(error: unknown): string {
  if (!(error instanceof OutboundError)) return 'The call failed for a reason of our own; see the log.';
  const detail = error.detail === undefined ? '' : ` (${error.detail})`;
  return `${error.origin} ${SENTENCES[error.failure]}${detail}.`;
}
