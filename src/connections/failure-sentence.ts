import type { FailureReason } from '../outbound/failure-reason.ts';
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
  circuit_open: 'failed again and again, and is left alone for a moment',
  paused: 'asked us to wait before the next call',
};

const ANSWERS: Record<Exclude<FailureReason, OutboundFailure | `status_${number}`>, string> = {
  not_json: 'answers with something that is not JSON, or does not call it application/json',
  not_utf8: 'answers with bytes that are not UTF-8',
  not_object: 'answers with JSON that is not an object',
  repeated_member: 'answers with a JSON member that stands twice',
  redirect: 'answers with a redirect, which is never followed',
  html: 'answers with a page for people; a proxy or a wrong path does so',
  subject_missing: 'does not say whom its answer is about, where `subject` looks for it',
  subject_differs: 'answers about another customer than was asked for',
  reference_missing: 'gives no customer id where `answer.reference` looks for it',
  reference_unusable: 'gives something that cannot be a customer id where `answer.reference` looks for it',
  success_missing: 'answers without what `answer.success` looks for',
  too_deep: 'answers with a value that is nested too deep',
  identifier_unsendable: 'cannot be asked: the customer id cannot go where `identifier` puts it',
  credentials_echoed:
    'answers with credentials of ours, which nobody is given; have it stopped, and replace them',
  start_tls_refused: 'refuses StartTLS; give it a certificate, or use ldaps://',
  not_ldap: 'sends what is not LDAP',
  connection_closed: 'closed the connection',
  account_refused: 'refuses the account that the configuration names for us; check its name and password',
  base_missing: 'has no `search_base` of this name that the search may read',
  not_permitted: 'does not let our account read what is asked for',
  directory_error: 'answers with an LDAP error',
  query_failed: 'cannot run the query; check the database, its tables and columns',
  several_entries: 'has more than one entry for this name',
  entry_missing: "does not show the customer's own entry after the bind",
  no_single_reference: 'has no single, usable reference for this customer',
  hash_unknown: 'has a password hash of a kind that is not taken',
  internal: 'could not be asked for a reason of our own; see the log',
};

const hasOwn = <Known extends object>(known: Known, name: PropertyKey): name is keyof Known =>
  Object.hasOwn(known, name);

/** What a reason from the closed list means, as the rest of a sentence that starts with who failed. */
export function reasonSentence(reason: string): string {
  const status = /^status_(\d{3})$/.exec(reason)?.[1];
  if (status === '404') return 'answers with the status 404 (a wrong path answers the same)';
  if (status !== undefined) return `answers with the status ${status}`;
  if (hasOwn(SENTENCES, reason)) return SENTENCES[reason];
  return hasOwn(ANSWERS, reason) ? ANSWERS[reason] : 'failed';
}

/** What is wrong with a connection, in a sentence for the operator; holds origin and kind alone. */
export function failureSentence(error: unknown): string {
  if (!(error instanceof OutboundError)) return 'The call failed for a reason of our own; see the log.';
  // A detail that is a sentence says it all; a phrase goes behind ours.
  if (error.detail?.endsWith('.')) return `${error.origin}: ${error.detail}`;
  const detail = error.detail === undefined ? '' : ` (${error.detail})`;
  return `${error.origin} ${SENTENCES[error.failure]}${detail}.`;
}
