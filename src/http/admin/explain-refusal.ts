import type { AuditRecord } from '../../audit/audit-record.ts';
import { reasonSentence } from '../../connections/failure-sentence.ts';
import { type ErrorCode, errorCatalogue, type OAuthErrorCode, oauthErrorCatalogue } from '../../errors.ts';
import { statusOf } from '../error-response.ts';
import { timeText } from './admin-endpoint.ts';
import { REFUSALS } from './refusal-reasons.ts';

/** What an administrator may know of a key. */
export interface KeyFacts {
  partner: string;
  label: string;
  expiresAtMs: number | undefined;
  revokedAtMs: number | undefined;
}

/** What an administrator may know beside the records. */
export interface WhyFacts {
  keys: readonly KeyFacts[];
  /** Partner that owns the group of a channel. */
  ownerOf(channel: string): string | undefined;
}

export interface Explanation {
  refused: boolean;
  at: string;
  endpoint: string | null;
  status: number | null;
  code: string | null;
  partner: string | null;
  client_id: string | null;
  key_prefix: string | null;
  address: string | null;
  explanation: string[];
  advice: string | null;
}

const FOREIGN_PROOF_ADVICE =
  'The caller shows the proof of a channel whose group is its own; a group belongs to one partner.';

const isCode = (code: string): code is ErrorCode | OAuthErrorCode =>
  Object.hasOwn(errorCatalogue, code) || Object.hasOwn(oauthErrorCatalogue, code);

const detailText = (record: AuditRecord, name: string): string | undefined => {
  const value = record.details?.[name];
  return value === undefined ? undefined : String(value);
};

function whatHappened(record: AuditRecord, code: string, status: number | null): string {
  const endpoint = detailText(record, 'endpoint') ?? `the call (${record.event})`;
  const from = record.address === undefined ? '' : ` from ${record.address}`;
  return `At ${timeText(record.atMs)} ${endpoint}${from} was refused with ${status === null ? '' : `${status} `}${code}.`;
}

function whoAsked(record: AuditRecord): string[] {
  const parts = [
    record.partner === undefined ? undefined : `partner ${record.partner}`,
    record.keyPrefix === undefined ? undefined : `API key ${record.keyPrefix}…`,
    record.clientId === undefined ? undefined : `client ${record.clientId}`,
    record.channel === undefined ? undefined : `channel ${record.channel}`,
    record.customerId === undefined ? undefined : `customer ${record.customerId}`,
  ].filter((part) => part !== undefined);
  const claims = [
    ['the API key', detailText(record, 'claimed_key'), '…'],
    ['the client', detailText(record, 'claimed_client'), ''],
  ].flatMap(([what, value, end]) =>
    value === undefined ? [] : [`It named ${what} ${value}${end}, which proves nothing by itself.`],
  );
  return [...(parts.length === 0 ? [] : [`It is about ${parts.join(', ')}.`]), ...claims];
}

/** What the administrator may know and the caller was not told. */
function aboutKeys(keys: readonly KeyFacts[], atMs: number): string[] {
  return keys.map(({ partner, label, expiresAtMs, revokedAtMs }) => {
    const state =
      revokedAtMs !== undefined
        ? `was revoked at ${timeText(revokedAtMs)}`
        : expiresAtMs !== undefined && expiresAtMs <= atMs
          ? `expired at ${timeText(expiresAtMs)}`
          : 'is neither revoked nor expired';
    return `That key ("${label}", partner ${partner}) ${state}.`;
  });
}

/** Whose the channel is whose genuine proof was shown to the wrong partner. */
function aboutProof(record: AuditRecord, ownerOf: WhyFacts['ownerOf']): string[] {
  const channel = detailText(record, 'proof_channel');
  if (channel === undefined) return [];
  const owner = ownerOf(channel);
  const whose =
    owner === undefined ? 'whose group belongs to no partner' : `whose group belongs to partner ${owner}`;
  return [
    `The proof is genuine, and of the channel ${channel}, ${whose}: a partner is answered about customers of its own groups alone.`,
  ];
}

function particulars(record: AuditRecord): string[] {
  const policy = detailText(record, 'policy');
  const scope = detailText(record, 'scope');
  const wait = detailText(record, 'retry_after');
  const paths = detailText(record, 'open_paths');
  return [
    policy === undefined
      ? undefined
      : `The limit "${policy}" allows ${detailText(record, 'quota')} in ${detailText(record, 'window_seconds')} s and was used up.`,
    scope === undefined ? undefined : `The call needs the scope ${scope}.`,
    paths === undefined ? undefined : `Open paths of this connection: ${paths}.`,
    wait === undefined ? undefined : `Another try made sense after ${wait} s.`,
  ].filter((text) => text !== undefined);
}

const REASON_SUFFIX = ':reason';
/** What a failed system is called, by the event that names it. */
const KINDS: Readonly<Record<string, string>> = {
  'customer.authenticated': 'Authenticator',
  'partner_api.called': 'Connection',
};

/** Which of the company's systems failed under a request, and why. */
function failedSystems(records: readonly AuditRecord[]): string[] {
  return records.flatMap(({ event, details = {} }) =>
    Object.entries(details).flatMap(([name, reason]) => {
      if (!name.endsWith(REASON_SUFFIX)) return [];
      const kind = KINDS[event] ?? 'Backend';
      return [`${kind} ${name.slice(0, -REASON_SUFFIX.length)} ${reasonSentence(String(reason))}.`];
    }),
  );
}

function notRefused(records: readonly AuditRecord[]): Explanation {
  const first = records.at(-1) as AuditRecord;
  const events = records.map(({ event, outcome, reason }) =>
    outcome === 'failed' ? `${event} failed${reason === undefined ? '' : ` (${reason})`}` : event,
  );
  const systems = failedSystems(records);
  return {
    ...facts(first),
    refused: false,
    code: null,
    status: null,
    explanation: [
      `Nothing in this request was refused. Recorded at ${timeText(first.atMs)}: ${events.join(', ')}.`,
      ...systems,
    ],
    advice:
      systems.length === 0
        ? null
        : 'Compare its settings with what it answers; `symbolon doctor` tries its connection.',
  };
}

function facts(record: AuditRecord) {
  return {
    at: timeText(record.atMs),
    endpoint: detailText(record, 'endpoint') ?? null,
    partner: record.partner ?? null,
    client_id: record.clientId ?? null,
    key_prefix: record.keyPrefix ?? detailText(record, 'claimed_key') ?? null,
    address: record.address ?? null,
  };
}

/** Explains the records of one request (newest first, at least one) to an administrator. */
export function explainRefusal(records: readonly AuditRecord[], { keys, ownerOf }: WhyFacts): Explanation {
  const refusal = records.find(({ outcome }) => outcome === 'refused');
  if (!refusal) return notRefused(records);
  const code = refusal.reason ?? 'unknown';
  const status = Number(refusal.details?.status ?? (isCode(code) ? statusOf(code) : Number.NaN));
  const known = Number.isNaN(status) ? null : status;
  const { check, advice } = REFUSALS[code] ?? {
    check: isCode(code) ? { ...errorCatalogue, ...oauthErrorCatalogue }[code].message : undefined,
    advice: undefined,
  };
  return {
    ...facts(refusal),
    refused: true,
    status: known,
    code,
    explanation: [
      whatHappened(refusal, code, known),
      ...(check === undefined ? [] : [check]),
      ...whoAsked(refusal),
      ...aboutKeys(keys, refusal.atMs),
      ...aboutProof(refusal, ownerOf),
      ...particulars(refusal),
    ],
    advice:
      detailText(refusal, 'proof_channel') !== undefined
        ? FOREIGN_PROOF_ADVICE
        : (advice ?? 'See the code in docs/errors.md.'),
  };
}
