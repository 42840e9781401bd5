import { generateKeyPairSync, sign } from 'node:crypto';
import { exportJWK } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import type { OAuthClient } from '../../../src/clients/client.ts';
import { claimedClientId, createClientAssertions } from '../../../src/clients/client-assertion.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const AUDIENCE = 'https://id.test';
const CLIENT_ID = 'cl_test';

let clock: TestClock;
let made = 0;
let accepts: (assertion: string) => Promise<boolean>;
beforeEach(async () => {
  clock = createTestClock();
  const assertions = createClientAssertions({
    clock,
    audiences: [AUDIENCE],
    replay: { consume: async () => 'fresh' },
    clockToleranceSeconds: 5,
  });
  const client = { clientId: CLIENT_ID, publicKeys: [await exportJWK(publicKey)] } as OAuthClient;
  accepts = (assertion) => assertions.accepts(client, assertion);
});

const claims = (): Record<string, unknown> => {
  const now = Math.floor(clock.nowMs() / 1000);
  made += 1;
  return { iss: CLIENT_ID, sub: CLIENT_ID, aud: AUDIENCE, iat: now, exp: now + 60, jti: `j-${made}` };
};

/** A genuine signature over these very texts. */
function signed(header: string, payload: string | Buffer): string {
  const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

const withHeader = (members: Record<string, unknown>) =>
  signed(JSON.stringify({ alg: 'ES256', ...members }), JSON.stringify(claims()));

describe('a client assertion', () => {
  it.each([undefined, 'JWT', 'jwt', 'application/jwt', 'client-authentication+jwt'])(
    'of the type %s is taken',
    async (typ) => {
      expect(await accepts(withHeader({ typ }))).toBe(true);
    },
  );

  it.each(['at+jwt', 'customer+jwt', 'logout+jwt', 'secevent+jwt', '', 7, null])(
    'of the type %s is another kind of token',
    async (typ) => {
      expect(await accepts(withHeader({ typ }))).toBe(false);
    },
  );

  it.each(['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc', 'cty'])(
    'whose header has the member %s is refused, whatever it holds',
    async (member) => {
      for (const value of ['JWT', true, false, [], null])
        expect(await accepts(withHeader({ [member]: value }))).toBe(false);
    },
  );

  it('with a member given twice is refused, in the header and in the claims, however it is spelled', async () => {
    const header = '{"alg":"ES256"}';
    const body = () => JSON.stringify(claims());
    expect(await accepts(signed(header, body()))).toBe(true);
    expect(await accepts(signed('{"alg":"ES256","alg":"ES256"}', body()))).toBe(false);
    for (const twice of [
      '"aud":"https://other.test"',
      '"\\u0061ud":"https://other.test"',
      `"sub":"${CLIENT_ID}"`,
    ]) {
      const doubled = signed(header, `{${twice},${body().slice(1)}`);
      expect(await accepts(doubled)).toBe(false);
      expect(claimedClientId(doubled)).toBeUndefined();
    }
  });

  it('that is no object, or no UTF-8, is refused', async () => {
    for (const payload of ['[]', '7', 'null', '', Buffer.from([0x7b, 0xff, 0x7d])]) {
      const odd = signed('{"alg":"ES256"}', payload);
      expect(claimedClientId(odd)).toBeUndefined();
      expect(await accepts(odd)).toBe(false);
    }
  });
});
