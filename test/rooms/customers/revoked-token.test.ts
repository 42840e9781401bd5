import { describe, expect, it } from 'vitest';
import type { CustomerIdentifier } from '../../../src/identifiers/identifier.ts';
import { isTokenRevoked } from '../../../src/customers/revoked-token.ts';
import type { CustomerToken } from '../../../src/tokens/customer-token.ts';

const ENDED_MS = 10_400;
const revocations = {
  isRevoked: (kind: string, _id: string, issuedAtMs: number) => kind === 'customer' && issuedAtMs <= ENDED_MS,
};

const verdict = (signedInMs: number, issuedAtMs: number) =>
  isTokenRevoked({ revocations, customerTokens: { authenticatedAtMs: () => signedInMs } }, {
    sid: 's',
    jti: 'j',
    customerId: 'c1' as CustomerIdentifier,
    issuedAtMs,
    authTime: Math.floor(signedInMs / 1000),
  } as CustomerToken);

describe('a token of a customer whose sessions were ended', () => {
  it.each([
    ['issued before', 5_000, 9_000, true],
    ['renewed elsewhere afterwards, of an older sign-in', 5_000, 10_700, true],
    ['renewed elsewhere afterwards, of a sign-in in the same second', 10_100, 10_700, true],
    ['of a sign-in afterwards, in the same second', 10_600, 10_700, false],
    ['of a sign-in long afterwards', 12_000, 12_100, false],
  ])('%s', (_what, signedInMs, issuedAtMs, revoked) => {
    expect(verdict(signedInMs, issuedAtMs)).toBe(revoked);
  });
});
