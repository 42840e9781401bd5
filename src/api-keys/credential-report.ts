import type { OAuthClient } from '../clients/client.ts';
import type { SigningKeyInfo } from '../tokens/signing-rings.ts';
import type { ApiKey } from './api-key.ts';

export type CredentialKind = 'api_key' | 'client_secret' | 'signing_key';
export const CREDENTIAL_KINDS: readonly CredentialKind[] = ['api_key', 'client_secret', 'signing_key'];

/** Days before an end at which it is told, nearest first. */
const WINDOWS_DAYS = [1, 7, 14, 30] as const;
export type ExpiryWindow = `expires_in_${(typeof WINDOWS_DAYS)[number]}d`;

export const CREDENTIAL_FINDINGS = [
  /** Its end is at most so many days away; only the nearest window is named. */
  'expires_in_1d',
  'expires_in_7d',
  'expires_in_14d',
  'expires_in_30d',
  /** A younger secret is there, and this one has been used since. */
  'old_secret_in_use',
  'older_than_90_days',
  /** Made more than seven days ago and never used. */
  'never_used',
  /** Used before, but not in the last ninety days. */
  'unused_for_90_days',
] as const;
export type CredentialFinding = (typeof CREDENTIAL_FINDINGS)[number];

/** One live credential and what there is to say about it. Holds nothing that would let anybody use it. */
export interface CredentialLine {
  kind: CredentialKind;
  /** Key id, client id or `kid`. */
  id: string;
  /** Which of its secrets; `undefined` for a key without one and for signing keys. */
  secretId: string | undefined;
  partner: string | undefined;
  label: string | undefined;
  /** First characters of an API key's public id. */
  publicPrefix: string | undefined;
  createdAtMs: number;
  /** The end that is planned; a first use of the successor may bring it nearer. */
  expiresAtMs: number | undefined;
  lastUsedAtMs: number | undefined;
  /** When its successor was made; `undefined` for the youngest. */
  replacedAtMs: number | undefined;
  findings: CredentialFinding[];
}

/** What a report is made of. */
export interface CredentialSources {
  apiKeys: readonly ApiKey[];
  clients: readonly OAuthClient[];
  signingKeys: readonly SigningKeyInfo[];
}

const DAY_MS = 86_400_000;
const OLD_MS = 90 * DAY_MS;
const UNUSED_MS = 90 * DAY_MS;
const SETTLING_MS = 7 * DAY_MS;
/** Signing keys are replaced by age on a timer of their own, by default after ninety days. */
const SIGNING_KEY_OLD_MS = OLD_MS + DAY_MS;

/** The nearest window that an end lies in. */
export function expiryWindow(nowMs: number, expiresAtMs: number): ExpiryWindow | undefined {
  const days = WINDOWS_DAYS.find((count) => expiresAtMs - nowMs <= count * DAY_MS);
  return days === undefined ? undefined : `expires_in_${days}d`;
}

type Facts = Omit<CredentialLine, 'findings'>;

function findingsOf(facts: Facts, nowMs: number): CredentialFinding[] {
  const { createdAtMs, expiresAtMs, lastUsedAtMs, replacedAtMs } = facts;
  const found: CredentialFinding[] = [];
  const oldInUse = replacedAtMs !== undefined && lastUsedAtMs !== undefined && lastUsedAtMs >= replacedAtMs;
  // That a replaced secret ends is the purpose of replacing it, unless somebody still uses it.
  if (expiresAtMs !== undefined && (replacedAtMs === undefined || oldInUse)) {
    const window = expiryWindow(nowMs, expiresAtMs);
    if (window) found.push(window);
  }
  if (oldInUse) found.push('old_secret_in_use');
  if (replacedAtMs !== undefined) return found;
  if (nowMs - createdAtMs > OLD_MS) found.push('older_than_90_days');
  if (lastUsedAtMs === undefined && nowMs - createdAtMs > SETTLING_MS) found.push('never_used');
  if (lastUsedAtMs !== undefined && nowMs - lastUsedAtMs > UNUSED_MS) found.push('unused_for_90_days');
  return found;
}

const withFindings = (facts: Facts, nowMs: number): CredentialLine => ({
  ...facts,
  findings: findingsOf(facts, nowMs),
});

const latest = (...moments: (number | undefined)[]): number | undefined => {
  const known = moments.filter((moment) => moment !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
};
const earliest = (...moments: (number | undefined)[]): number | undefined => {
  const known = moments.filter((moment) => moment !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};

interface SecretFacts {
  secretId: string;
  createdAtMs: number;
  expiresAtMs: number | undefined;
  revokedAtMs: number | undefined;
  lastUsedAtMs: number | undefined;
}

/** Live secrets, oldest first, each with the moment at which a younger one came. */
function liveSecrets<Secret extends SecretFacts>(secrets: readonly Secret[], nowMs: number) {
  const live = secrets
    .filter((one) => one.revokedAtMs === undefined && (one.expiresAtMs ?? Infinity) > nowMs)
    .sort((a, b) => a.createdAtMs - b.createdAtMs);
  return live.map((secret, i) => ({ secret, replacedAtMs: live[i + 1]?.createdAtMs }));
}

function apiKeyLines(key: ApiKey, nowMs: number): CredentialLine[] {
  if (key.revokedAtMs !== undefined || (key.expiresAtMs ?? Infinity) <= nowMs) return [];
  const common = {
    kind: 'api_key' as const,
    id: key.keyId,
    partner: key.partner,
    label: key.label,
    publicPrefix: key.publicPrefix,
  };
  const live = liveSecrets(key.secrets, nowMs);
  if (live.length === 0) {
    if (key.secrets.length > 0) return [];
    return [
      withFindings(
        {
          ...common,
          secretId: undefined,
          createdAtMs: key.createdAtMs,
          expiresAtMs: key.expiresAtMs,
          lastUsedAtMs: key.lastUsedAtMs,
          replacedAtMs: undefined,
        },
        nowMs,
      ),
    ];
  }
  // A key that is only ever named beside an access token is in use although no secret of it is; what its older secrets
  // did before the youngest was there is no use of that one.
  const namedAtMs = ({ createdAtMs }: SecretFacts) =>
    key.lastUsedAtMs !== undefined && key.lastUsedAtMs >= createdAtMs ? key.lastUsedAtMs : undefined;
  return live.map(({ secret, replacedAtMs }) =>
    withFindings(
      {
        ...common,
        secretId: secret.secretId,
        createdAtMs: secret.createdAtMs,
        expiresAtMs: earliest(secret.expiresAtMs, key.expiresAtMs),
        lastUsedAtMs: latest(secret.lastUsedAtMs, replacedAtMs === undefined ? namedAtMs(secret) : undefined),
        replacedAtMs,
      },
      nowMs,
    ),
  );
}

function clientLines(client: OAuthClient, nowMs: number): CredentialLine[] {
  if (client.revokedAtMs !== undefined) return [];
  return liveSecrets(client.secrets, nowMs).map(({ secret, replacedAtMs }) =>
    withFindings(
      {
        kind: 'client_secret',
        id: client.clientId,
        secretId: secret.secretId,
        partner: client.partner,
        label: client.label,
        publicPrefix: undefined,
        createdAtMs: secret.createdAtMs,
        expiresAtMs: secret.expiresAtMs,
        lastUsedAtMs: secret.lastUsedAtMs,
        replacedAtMs,
      },
      nowMs,
    ),
  );
}

function signingKeyLine(key: SigningKeyInfo, nowMs: number): CredentialLine {
  return {
    kind: 'signing_key',
    id: key.kid,
    secretId: undefined,
    partner: undefined,
    label: key.ring,
    publicPrefix: undefined,
    createdAtMs: key.signsAtMs,
    expiresAtMs: key.goneAtMs,
    lastUsedAtMs: undefined,
    replacedAtMs: undefined,
    findings:
      key.state === 'signing' && nowMs - key.signsAtMs > SIGNING_KEY_OLD_MS ? ['older_than_90_days'] : [],
  };
}

/** Every live credential with its findings: API keys and client secrets by age, then signing keys. */
export function reportCredentials(sources: CredentialSources, nowMs: number): CredentialLine[] {
  return [
    ...sources.apiKeys.flatMap((key) => apiKeyLines(key, nowMs)),
    ...sources.clients.flatMap((client) => clientLines(client, nowMs)),
    ...sources.signingKeys.filter(({ state }) => state !== 'gone').map((key) => signingKeyLine(key, nowMs)),
  ];
}

/** How many credentials of each kind have each finding; every pair is there, also with zero. */
export function countFindings(
  lines: readonly CredentialLine[],
): { kind: CredentialKind; finding: CredentialFinding; count: number }[] {
  return CREDENTIAL_KINDS.flatMap((kind) =>
    CREDENTIAL_FINDINGS.map((finding) => ({
      kind,
      finding,
      count: lines.filter((line) => line.kind === kind && line.findings.includes(finding)).length,
    })),
  );
}
