import type { FailureReason } from '../../outbound/failure-reason.ts';
import { ldapts } from './ldap-client.ts';
import { LdapUnavailable } from './ldap-connection.ts';

/** The service account was not taken: our configuration, never the customer's password. */
export class ServiceAccountRefused extends Error {}

const SENTENCES: Record<LdapUnavailable['failure'], string> = {
  unreachable: 'cannot be reached',
  timeout: 'does not answer in time',
  untrusted:
    'shows a certificate that is not trusted for this host. Set ca to the authority that signed it, or server_name to the name in it',
  start_tls_refused: 'refuses StartTLS. Give it a certificate, or use ldaps://',
  protocol: 'does not speak LDAP as it should',
  closed: 'closed the connection',
};

const REASONS: Record<LdapUnavailable['failure'], FailureReason> = {
  unreachable: 'unreachable',
  timeout: 'timeout',
  untrusted: 'untrusted',
  start_tls_refused: 'start_tls_refused',
  protocol: 'not_ldap',
  closed: 'connection_closed',
};

/** What to mend, by result code (RFC 4511 appendix A). */
const MENDS: Readonly<Record<number, string>> = {
  8: 'it asks for stronger authentication: use ldaps://, or ldap:// with StartTLS, and set service_account',
  49: 'it takes no such name and password: check service_account',
  50: 'the search may not read: set service_account, or give it read access to search_base',
  53: 'it is not willing to: it may refuse anonymous searches (set service_account) or connections without TLS',
};

/** What went wrong, in a sentence for the operator: address and kind, no name and no text of the server's. */
export function failureSentence(url: string, error: unknown): string {
  if (error instanceof LdapUnavailable) {
    const detail = error.detail === undefined ? '' : ` (${error.detail})`;
    return `${url} ${SENTENCES[error.failure]}${detail}.`;
  }
  if (error instanceof ServiceAccountRefused)
    return `${url} refuses the service account. Check service_account.dn and its password.`;
  const { NoSuchObjectError, ResultCodeError } = ldapts();
  if (error instanceof NoSuchObjectError)
    return `${url} has no search_base of this name that the search may read.`;
  if (error instanceof ResultCodeError) {
    const mend = MENDS[error.code];
    return `${url} answered with the LDAP result code ${error.code}${mend === undefined ? '' : `: ${mend}`}.`;
  }
  return `${url} closed the connection or sent what is not LDAP.`;
}

/** The same from the closed list, for log and audit. */
export function failureReason(error: unknown): FailureReason {
  if (error instanceof LdapUnavailable) return REASONS[error.failure];
  if (error instanceof ServiceAccountRefused) return 'account_refused';
  const { BusyError, InsufficientAccessError, NoSuchObjectError, ResultCodeError } = ldapts();
  if (error instanceof BusyError) return 'busy';
  if (error instanceof NoSuchObjectError) return 'base_missing';
  if (error instanceof InsufficientAccessError) return 'not_permitted';
  return error instanceof ResultCodeError ? 'directory_error' : 'not_ldap';
}
