import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { AnswerFault } from './json-answer.ts';
import { OutboundError, type OutboundFailure } from './outbound-types.ts';

/** Why a directory server or a table of users could not tell who somebody is. */
export type DirectoryFault =
  | 'start_tls_refused'
  | 'not_ldap'
  | 'connection_closed'
  /** The account that we sign in with was not taken. */
  | 'account_refused'
  | 'base_missing'
  | 'not_permitted'
  /** Another result code of LDAP. */
  | 'directory_error'
  | 'query_failed'
  /** More than one entry or row for one name. */
  | 'several_entries'
  /** After the bind, the customer's own entry could not be read. */
  | 'entry_missing'
  /** No usable reference, or several. */
  | 'no_single_reference'
  /** A password hash of a kind that is not taken. */
  | 'hash_unknown';

/** Why one of the company's systems gave no usable answer: a closed list that holds nothing of what it answered. */
export type FailureReason =
  | OutboundFailure
  | AnswerFault
  | DirectoryFault
  | `status_${number}`
  /** Redirects are answers, never followed. */
  | 'redirect'
  /** A page for people where data belongs. */
  | 'html'
  /** The answer does not say whom it speaks of. */
  | 'subject_missing'
  /** The answer speaks of somebody else. */
  | 'subject_differs'
  /** A right password, and nothing where the customer's id should stand. */
  | 'reference_missing'
  /** What stands there cannot be a customer's id. */
  | 'reference_unusable'
  /** Neither the configured sign of success nor one of refusal. */
  | 'success_missing'
  /** A value nested deeper than we pass on. */
  | 'too_deep'
  /** The customer's id cannot go where the configuration puts it. */
  | 'identifier_unsendable'
  /** The answer holds credentials of ours. */
  | 'credentials_echoed'
  /** An error of our own; it is in the log by itself. */
  | 'internal';

/** The reason that an HTTP status stands for. */
export function reasonOfStatus(status: number): FailureReason {
  return status >= 300 && status < 400 ? 'redirect' : `status_${status}`;
}

/** The reason that an exception of a call stands for. */
export function reasonOfError(error: unknown): FailureReason {
  return error instanceof OutboundError ? error.failure : 'internal';
}

export interface UpstreamFailure {
  event: 'backend.failed' | 'authenticator.failed' | 'channel_vendor.failed' | 'partner_api.failed';
  /** Of the backend, authenticator, channel or connection, as configured. */
  name: string;
  reason: FailureReason;
  /** HTTP status of the answer, where there was one. */
  status?: number | undefined;
  requestId: string | undefined;
}

/** Tells the operator, in the log, why a system of the company could not be used. */
export type ReportFailure = (failure: UpstreamFailure) => void;

const WHO = {
  'backend.failed': 'backend',
  'authenticator.failed': 'authenticator',
  'channel_vendor.failed': 'channel',
  'partner_api.failed': 'connection',
} as const satisfies Record<UpstreamFailure['event'], string>;

const LINE_EVERY_MS = 1_000;

/** One line a second at most for each destination and reason: an outage must not fill the log. */
export function createFailureReport({ clock, logger }: { clock: Clock; logger: Logger }): ReportFailure {
  const lastMs = new Map<string, number>();
  return ({ event, name, reason, status, requestId }) => {
    const key = `${event} ${name} ${reason}`;
    const nowMs = clock.monotonicMs();
    if (nowMs - (lastMs.get(key) ?? Number.NEGATIVE_INFINITY) < LINE_EVERY_MS) return;
    lastMs.set(key, nowMs);
    const who = { [WHO[event]]: name };
    logger.log('warn', { event, ...who, status, reason, request_id: requestId });
  };
}
