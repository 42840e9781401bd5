import { generateKeyPairSync } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { exportJWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ZodError } from 'zod';
import { StartRefused } from '../../../src/errors.ts';
import { createSigner, type TestSigner } from '../../support/key-server.ts';
import {
  authenticated,
  openSubjectTokens,
  refused,
  type SubjectTokens,
  unavailable,
} from './subject-tokens.ts';

let w: SubjectTokens;

beforeEach(async () => {
  w = await openSubjectTokens();
});
afterEach(() => w.close());

/** The right keys under a status that says otherwise. */
function answerKeys(response: ServerResponse, status: number) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ keys: w.provider.keys }));
}

describe('X5: keys', () => {
  const token = (by: TestSigner = w.signer) => by.sign(w.claims());

  it('are found by discovery once, then used again', async () => {
    const to = w.authenticator();
    for (let i = 0; i < 3; i++) expect(await w.offer(await token(), to)).toEqual(authenticated);
    expect(w.provider.asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('are fetched once for many that wait', async () => {
    const to = w.authenticator({ keys_url: `${w.provider.url}/keys` });
    const waiting = Array.from({ length: 20 }, async () => w.offer(await token(), to));
    expect(await Promise.all(waiting)).toEqual(Array(20).fill(authenticated));
    expect(w.provider.asked).toEqual(['/keys']);
  });

  it('that are new are found, and those that are gone prove nothing once the set is old', async () => {
    const to = w.authenticator();
    const old = w.signer;
    expect(await w.offer(await token(), to)).toEqual(authenticated);
    const next = await createSigner('two');
    w.provider.keys = [next.publicJwk];
    w.rooms.clock.advance(11_000);
    expect(await w.offer(await token(next), to)).toEqual(authenticated);
    expect(await w.offer(await token(old), to)).toEqual(refused);
  });

  it('that nobody knows are looked for at most every ten seconds', async () => {
    const to = w.authenticator();
    expect(await w.offer(await token(), to)).toEqual(authenticated);
    const unknown = await createSigner('made-up');
    const before = w.provider.asked.length;
    w.rooms.clock.advance(11_000);
    for (let i = 0; i < 30; i++) expect(await w.offer(await token(unknown), to)).toEqual(refused);
    expect(w.provider.asked).toHaveLength(before + 2);
    expect(await w.offer(await token(), to)).toEqual(authenticated);
  });

  it('serve for the stated time while the provider is down, and not longer', async () => {
    const to = w.authenticator({ keys_max_age_seconds: 600, keys_stale_seconds: 3_600 });
    expect(await w.offer(await token(), to)).toEqual(authenticated);
    w.provider.misbehave = (response) => response.destroy();
    w.rooms.clock.advance(4_199_000);
    expect(await w.offer(await token(), to)).toEqual(authenticated);
    w.rooms.clock.advance(1_000);
    expect(await w.offer(await token(), to)).toEqual(unavailable);
    w.provider.misbehave = undefined;
    expect(await w.offer(await token(), to)).toEqual(unavailable);
    w.rooms.clock.advance(30_000);
    expect(await w.offer(await token(), to)).toEqual(authenticated);
  });

  it('of an outage leave a new key undecided, never wrong, and the provider in peace', async () => {
    const to = w.authenticator();
    expect(await w.offer(await token(), to)).toEqual(authenticated);
    w.provider.misbehave = (response) => response.destroy();
    const next = await createSigner('two');
    w.rooms.clock.advance(11_000);
    const before = w.provider.asked.length;
    for (let i = 0; i < 10; i++) expect(await w.offer(await token(next), to)).toEqual(unavailable);
    expect(w.provider.asked).toHaveLength(before + 2);
  });

  it.each<[string, () => void]>([
    ['500', () => (w.provider.misbehave = (response) => answerKeys(response, 500))],
    [
      'a redirect',
      () => (w.provider.misbehave = (response) => response.writeHead(302, { location: '/more' }).end()),
    ],
    [
      'a page',
      () => (w.provider.misbehave = (r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<p>')),
    ],
    [
      'more than 64 KB',
      () =>
        (w.provider.keys = [
          ...w.provider.keys,
          { kty: 'RSA', kid: 'big', n: 'A'.repeat(66_000), e: 'AQAB' },
        ]),
    ],
    ['no keys', () => (w.provider.keys = [])],
    ['discovery for another issuer', () => (w.provider.issuer = 'https://other.test')],
    ['keys at a host that is not configured', () => (w.provider.keysUrl = 'http://127.0.0.1:9/keys')],
    ['keys at no address', () => (w.provider.keysUrl = 'keys')],
  ])('cannot be had from %s, so that nobody can tell', async (_what, arrange) => {
    arrange();
    expect(await w.offer(await token())).toEqual(unavailable);
    expect(w.provider.asked).not.toContain('/more');
  });

  it('come over https from other machines, or not at all', () => {
    expect(() => w.authenticator({ keys_url: 'http://idp.example/keys' })).toThrow(StartRefused);
    expect(() => w.authenticator({ issuer: 'http://idp.example' })).toThrow(StartRefused);
    expect(() => w.authenticator({ keys_url: 'https://169.254.169.254/keys' })).toThrow(StartRefused);
  });

  it('come from the provider or the settings, never from the token', async () => {
    const own = await createSigner('one');
    for (const member of ['jwk', 'jku', 'x5u', 'x5c', 'cty']) {
      const token_ = await own.sign(w.claims(), {
        [member]: member === 'jwk' ? own.publicJwk : 'https://x.test',
      });
      expect(await w.offer(token_)).toEqual(refused);
    }
    expect(w.reasons()).toEqual(Array(5).fill('malformed'));
  });

  it('may stand in the settings, public halves alone', async () => {
    const keys = [w.signer.publicJwk];
    expect(await w.offer(await token(), w.authenticator({ keys }))).toEqual(authenticated);
    expect(w.provider.asked).toEqual([]);
    const pair = generateKeyPairSync('ed25519');
    const secret = await exportJWK(pair.privateKey);
    expect(() => w.authenticator({ keys: [secret] })).toThrow(ZodError);
    expect(() => w.authenticator({ keys: [{ kty: 'oct', k: 'AAAA' }] })).toThrow(ZodError);
    expect(() => w.authenticator({ keys: [w.signer.publicJwk, w.signer.publicJwk] })).toThrow(StartRefused);
  });

  it('of another use or another algorithm than the token’s prove nothing', async () => {
    for (const change of [{ use: 'enc' }, { alg: 'ES384' }, { key_ops: ['encrypt'] }]) {
      w.provider.keys = [{ ...w.signer.publicJwk, ...change }];
      expect(await w.offer(await token())).toEqual(refused);
    }
    expect(w.reasons()).toEqual(['key', 'key', 'key']);
  });

  it('are not guessed: a token without kid needs a set where one key alone fits', async () => {
    const bare = await w.signer.sign(w.claims(), { kid: undefined });
    expect(await w.offer(bare)).toEqual(authenticated);
    const second = await createSigner('two');
    w.provider.keys = [w.signer.publicJwk, second.publicJwk];
    expect(await w.offer(bare)).toEqual(refused);
    w.provider.keys = [w.signer.publicJwk, { ...second.publicJwk, kid: 'one' }];
    expect(await w.offer(await token())).toEqual(refused);
  });

  it('are probed for the operator, who hears in a sentence what is wrong', async () => {
    expect(await w.authenticator().probe()).toEqual({ ok: true, message: `1 keys of ${w.provider.url}` });
    w.provider.keysUrl = 'https://keys.example/set';
    expect(await w.authenticator().probe()).toEqual({
      ok: false,
      message: expect.stringContaining('keys_url'),
    });
  });
});
