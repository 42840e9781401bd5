import { MOVED_INSIDE, REFUSED_ADDRESS } from './connector.ts';
import type { OutboundFailure } from './outbound-types.ts';

/** Ours and Node's own, and of OpenSSL's (X509_STORE_CTX_get_error) those that say what they are about. */
const CERTIFICATE = /CERT|CRL|UNABLE_TO_/;
/** The others of OpenSSL's that Node names; it calls unspecified what it has no name for, such as a weak key. */
const VERIFICATION: ReadonlySet<string> = new Set([
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
  'UNSPECIFIED',
]);
const NOT_TLS = /EPROTO|_SSL_/;

const codeOf = (error: Error): string =>
  'code' in error && typeof error.code === 'string' ? error.code : '';

/** Names what became of a connection by the error's code; its message may hold what must not be seen. */
export function failureOf(error: Error, answerBegun: boolean): OutboundFailure {
  const code = codeOf(error);
  if (code === REFUSED_ADDRESS || code === MOVED_INSIDE) return 'refused_address';
  if (NOT_TLS.test(code)) return 'protocol';
  if (CERTIFICATE.test(code) || VERIFICATION.has(code)) return 'untrusted';
  return answerBegun ? 'protocol' : 'unreachable';
}

const CAUSES: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name does not resolve at the moment',
  ECONNRESET: 'connection cut',
  EPIPE: 'connection cut',
  ETIMEDOUT: 'no connection within connect_timeout_ms',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to it',
  [MOVED_INSIDE]: 'its name was public and now resolves to a private address; restart if it has moved',
};

/** The cause in words of our own, where the error's code tells it. */
export function causeOf(error: Error): string | undefined {
  const code = codeOf(error);
  return NOT_TLS.test(code) ? 'the TLS handshake failed' : CAUSES[code];
}
