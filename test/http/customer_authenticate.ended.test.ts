/** What the company vouched for before a person signed out everywhere, in a channel group that has not met them yet. */
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/config.ts';
import { SHOP_ORIGIN, startService, type TestService } from '../support/service.ts';

const ISSUER = 'https://login.company.test';

let t: TestService;
let signer: CryptoKey;

beforeEach(async () => {
  const own = await generateKeyPair('ES256', { extractable: true });
  signer = own.privateKey;
  const keys = [{ ...(await exportJWK(own.publicKey)), kid: 'k1', alg: 'ES256' }];
  t = await startService({
    settings: (settings: ConfigInput) => ({
      ...settings,
      authenticators: [
        { name: 'directory', type: 'directory', reference_space: 'directory' },
        {
          name: 'login',
          type: 'jwt',
          reference_space: 'directory',
          issuer: ISSUER,
          audiences: ['chat'],
          keys,
        },
      ],
    }),
  });
});
afterEach(() => t.dispose());

function providerToken(sub: string): Promise<string> {
  const iat = Math.floor(t.clock.nowMs() / 1000);
  return new SignJWT({ iss: ISSUER, aud: 'chat', sub, iat, exp: iat + 300, jti: `${sub}-${iat}` })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: 'k1' })
    .sign(signer);
}

const exchange = (subject_token: string, channel: string) =>
  t.api.post('/customer_authenticate').send({
    subject_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    channel,
    delivery: 'token',
  });

it('a token of the provider from before a sign-out everywhere opens no session in any channel group', async () => {
  const [old, ofAnother] = [await providerToken('4711'), await providerToken('4712')];
  t.clock.advance(2_000);
  const cookie = await t.signInWithCookie();
  const page = { cookie, origin: SHOP_ORIGIN, 'x-symbolon-csrf': '1' };
  await t.api.delete('/customer_session?everywhere=true').set(page).expect(204);
  for (const channel of ['ios', 'south']) {
    const { body } = await exchange(old, channel).expect(401);
    expect(body.error.code).toBe('INVALID_CREDENTIALS');
  }
  await exchange(ofAnother, 'south').expect(200);
  t.clock.advance(2_000);
  await exchange(await providerToken('4711'), 'south').expect(200);
});
