import { describe, expect, it } from 'vitest';
import type { ApiKey, ApiKeySecret } from '../../../src/api-keys/api-key.ts';
import { countFindings, expiryWindow, reportCredentials } from '../../../src/api-keys/credential-report.ts';
import type { ClientId, OAuthClient } from '../../../src/clients/client.ts';
import type { PartnerId } from '../../../src/partners/partner.ts';
import type { SigningKeyInfo } from '../../../src/tokens/signing-rings.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 5, 1);
const daysAgo = (days: number) => NOW_MS - days * DAY_MS;
const inDays = (days: number) => NOW_MS + days * DAY_MS;

function secretOf(secretId: string, changes: Partial<ApiKeySecret> = {}): ApiKeySecret {
  return {
    secretId,
    digest: `digest of ${secretId}`,
    sealedSigningKey: 'sealed',
    createdAtMs: daysAgo(10),
    expiresAtMs: undefined,
    revokedAtMs: undefined,
    firstUsedAtMs: daysAgo(9),
    lastUsedAtMs: daysAgo(1),
    ...changes,
  };
}

function keyOf(secrets: ApiKeySecret[], changes: Partial<ApiKey> = {}): ApiKey {
  return {
    keyId: 'ak_1',
    partner: 'acme' as PartnerId,
    label: 'server',
    environment: 'live',
    use: 'bearer',
    signature: 'none',
    scopes: [],
    allowedAddresses: [],
    publicKeys: [],
    publicPrefix: 'pk_live_abc',
    publicDigest: 'public digest',
    secrets,
    createdAtMs: daysAgo(200),
    expiresAtMs: undefined,
    revokedAtMs: undefined,
    ...changes,
  };
}

function clientOf(secrets: ApiKeySecret[]): OAuthClient {
  return {
    clientId: 'cl_1' as ClientId,
    partner: 'acme' as PartnerId,
    label: 'server',
    scopes: [],
    grantTypes: [],
    applicationType: 'web',
    party: 'third',
    authentication: 'secret',
    redirectUris: [],
    publicKeys: [],
    secrets: secrets.map((secret) => ({ ...secret, digest: 'digest' })),
    createdAtMs: daysAgo(200),
    revokedAtMs: undefined,
  };
}

const keysReport = (...apiKeys: ApiKey[]) =>
  reportCredentials({ apiKeys, clients: [], signingKeys: [] }, NOW_MS);
const findings = (...apiKeys: ApiKey[]) => keysReport(...apiKeys).map((line) => line.findings);

describe('the credential report', () => {
  it.each([
    [30.001, undefined],
    [30, 'expires_in_30d'],
    [14.001, 'expires_in_30d'],
    [14, 'expires_in_14d'],
    [7, 'expires_in_7d'],
    [1.001, 'expires_in_7d'],
    [1, 'expires_in_1d'],
    [0.001, 'expires_in_1d'],
  ])('puts an end %d days away into the nearest window: %s', (days, window) => {
    expect(expiryWindow(NOW_MS, inDays(days))).toBe(window);
  });

  it('says nothing of a credential with which all is well', () => {
    expect(findings(keyOf([secretOf('a')]))).toEqual([[]]);
  });

  it('takes the earlier of the ends of a key and of its secret', () => {
    expect(findings(keyOf([secretOf('a', { expiresAtMs: inDays(20) })], { expiresAtMs: inDays(5) }))).toEqual(
      [['expires_in_7d']],
    );
  });

  it('names the old secret that somebody still uses, with its last use and its end', () => {
    const old = secretOf('old', {
      createdAtMs: daysAgo(100),
      expiresAtMs: inDays(3),
      lastUsedAtMs: daysAgo(1),
    });
    const young = secretOf('young', {
      createdAtMs: daysAgo(10),
      firstUsedAtMs: undefined,
      lastUsedAtMs: undefined,
    });
    expect(keysReport(keyOf([old, young]))).toMatchObject([
      {
        secretId: 'old',
        lastUsedAtMs: daysAgo(1),
        expiresAtMs: inDays(3),
        replacedAtMs: daysAgo(10),
        findings: ['expires_in_7d', 'old_secret_in_use'],
      },
      { secretId: 'young', replacedAtMs: undefined, findings: ['never_used'] },
    ]);
  });

  it('raises no alarm for an old secret that nobody has used since it was replaced', () => {
    const old = secretOf('old', {
      createdAtMs: daysAgo(100),
      expiresAtMs: inDays(1),
      lastUsedAtMs: daysAgo(11),
    });
    expect(findings(keyOf([old, secretOf('young')]))).toEqual([[], []]);
  });

  it('tells what is older than ninety days, never used, and no longer used', () => {
    const old = { createdAtMs: daysAgo(90) - 1 };
    expect(findings(keyOf([secretOf('a', old)]))).toEqual([['older_than_90_days']]);
    expect(findings(keyOf([secretOf('a', { createdAtMs: daysAgo(90) })]))).toEqual([[]]);
    const unused = { firstUsedAtMs: undefined, lastUsedAtMs: undefined };
    expect(findings(keyOf([secretOf('a', { ...unused, createdAtMs: daysAgo(7) - 1 })]))).toEqual([
      ['never_used'],
    ]);
    expect(findings(keyOf([secretOf('a', { ...unused, createdAtMs: daysAgo(7) })]))).toEqual([[]]);
    expect(findings(keyOf([secretOf('a', { ...old, lastUsedAtMs: daysAgo(90) - 1 })]))).toEqual([
      ['older_than_90_days', 'unused_for_90_days'],
    ]);
  });

  it('knows a key as used that is only ever named beside an access token', () => {
    const unused = secretOf('a', { firstUsedAtMs: undefined, lastUsedAtMs: undefined });
    expect(findings(keyOf([unused], { lastUsedAtMs: daysAgo(1) }))).toEqual([[]]);
  });

  it('takes no use of the key for one of a secret that was not there yet', () => {
    const unused = { firstUsedAtMs: undefined, lastUsedAtMs: undefined };
    const old = secretOf('old', { ...unused, createdAtMs: daysAgo(100) });
    const young = secretOf('young', { ...unused, createdAtMs: daysAgo(10) });
    const youngest = (lastUsedAtMs: number) => keysReport(keyOf([old, young], { lastUsedAtMs }))[1];
    expect(youngest(daysAgo(11))).toMatchObject({ lastUsedAtMs: undefined, findings: ['never_used'] });
    expect(youngest(daysAgo(10))).toMatchObject({ lastUsedAtMs: daysAgo(10), findings: [] });
  });

  it('leaves out what can be used no more', () => {
    expect(
      keysReport(
        keyOf([secretOf('a')], { revokedAtMs: daysAgo(1) }),
        keyOf([secretOf('a')], { expiresAtMs: NOW_MS }),
        keyOf([secretOf('a', { expiresAtMs: NOW_MS })]),
        keyOf([secretOf('a', { revokedAtMs: daysAgo(1) })]),
      ),
    ).toEqual([]);
    const revoked = { ...clientOf([secretOf('a')]), revokedAtMs: daysAgo(1) };
    expect(reportCredentials({ apiKeys: [], clients: [revoked], signingKeys: [] }, NOW_MS)).toEqual([]);
  });

  it('covers keys without a secret, client secrets and signing keys', () => {
    const signing: SigningKeyInfo = {
      kid: 'kid',
      ring: 'customer',
      algorithm: 'ES256',
      state: 'signing',
      publishedAtMs: daysAgo(92),
      signsAtMs: daysAgo(92),
      goneAtMs: undefined,
    };
    const lines = reportCredentials(
      {
        apiKeys: [keyOf([], { createdAtMs: daysAgo(1) })],
        clients: [clientOf([secretOf('a', { createdAtMs: daysAgo(91) })])],
        signingKeys: [signing, { ...signing, state: 'retiring' }, { ...signing, state: 'gone' }],
      },
      NOW_MS,
    );
    expect(lines.map((line) => [line.kind, line.id, line.secretId, line.findings])).toEqual([
      ['api_key', 'ak_1', undefined, []],
      ['client_secret', 'cl_1', 'a', ['older_than_90_days']],
      ['signing_key', 'kid', undefined, ['older_than_90_days']],
      ['signing_key', 'kid', undefined, []],
    ]);
  });

  it('counts every kind with every finding, so that no gauge keeps an old value', () => {
    const counts = countFindings(keysReport(keyOf([secretOf('a', { expiresAtMs: inDays(1) })])));
    expect(counts).toHaveLength(24);
    expect(counts.filter(({ count }) => count > 0)).toEqual([
      { kind: 'api_key', finding: 'expires_in_1d', count: 1 },
    ]);
  });
});
