import { generateKeyPairSync, sign } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rawRequest } from '../support/raw-request.ts';
import { PUBLIC_URL, startService, type TestService } from '../support/service.ts';

let t: TestService;
let mira: { JWT: string; customer_id: string };
let asapp: Record<string, string>;
beforeEach(async () => {
  t = await startService();
  mira = await t.signIn();
  asapp = await t.asappStyle();
});
afterEach(() => t.dispose());

const proof = () => ({ 'customer-auth': `JWT ${mira.JWT}` });

async function expectRefused(headers: Record<string, string>, code: string, body: object = {}) {
  const response = await t.api.post('/getprofile').set(headers).send(body).expect(401);
  expect(response.body.error.code).toBe(code);
  // What is wrong with the customer's proof says nothing of the bearer, which was good (RFC 6750 section 3.1).
  const challenge = code.includes('CUSTOMER_TOKEN') ? /^Symbolon realm="customer"$/ : /^Bearer /;
  expect(response.headers['www-authenticate']).toMatch(challenge);
  expect(t.crm.requests).toEqual([]);
  return response;
}

const parts = (token: string) => token.split('.') as [string, string, string];
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claimsOf = (token: string) => decodeJwt(token) as Record<string, unknown>;

/** The same token under a key that is not ours. */
function forged(
  token: string,
  header: Record<string, unknown>,
  claims: Record<string, unknown> = claimsOf(token),
) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const input = `${encode({ ...decodeProtectedHeader(token), ...header })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** Spellings of a token that a careless verifier takes for the token itself. */
function misspelt(token: string): [string, string][] {
  const [header, claims, signature] = parts(token);
  const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const next = last[last.indexOf(signature.at(-1) as string) ^ 1] as string;
  return [
    ['with padding', `${token}==`],
    ['with unused bits set', `${header}.${claims}.${signature.slice(0, -1)}${next}`],
    ['with a part more', `${token}.`],
    ['without its signature', `${header}.${claims}.`],
    ['without a part', `${header}.${claims}`],
    ['in the other base64', `${header}.${claims}.${signature.replaceAll('-', '+').replaceAll('_', '/')}+`],
    [
      'with claims of its own',
      `${header}.${encode({ ...claimsOf(token), exp: 9_999_999_999 })}.${signature}`,
    ],
    ['unsigned', `${encode({ ...decodeProtectedHeader(token), alg: 'none' })}.${claims}.`],
    [
      'unsigned in capitals',
      `${encode({ ...decodeProtectedHeader(token), alg: 'NONE' })}.${claims}.${signature}`,
    ],
    ['as HMAC', `${encode({ ...decodeProtectedHeader(token), alg: 'HS256' })}.${claims}.${signature}`],
    [
      'under another algorithm',
      `${encode({ ...decodeProtectedHeader(token), alg: 'RS256' })}.${claims}.${signature}`,
    ],
    ['under our key id but a foreign key', forged(token, {})],
    ['with the key brought along', forged(token, { jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } })],
    ['with an address for the key', forged(token, { jku: `${PUBLIC_URL}/keys` })],
    ['under an unknown key id', forged(token, { kid: 'unknown' })],
    ['with a path for key id', forged(token, { kid: '../../etc/passwd' })],
    ['with a critical extension', forged(token, { crit: ['b64'], b64: false })],
    ['in JSON serialisation', JSON.stringify({ protected: header, payload: claims, signature })],
    ['of nine kilobytes', `${header}.${claims}${'A'.repeat(9_000)}.${signature}`],
    ['as an encrypted one', `${header}.${claims}.${signature}.${signature}.${signature}`],
  ];
}

describe('who asks is not known', () => {
  it('without any credential, and then no error code is told (RFC 6750 section 3.1)', async () => {
    const { headers } = await expectRefused(proof(), 'INVALID_ACCESS_TOKEN');
    expect(headers['www-authenticate']).toBe('Bearer realm="symbolon"');
    const wrong = await expectRefused({ ...proof(), authorization: 'Bearer x.y.z' }, 'INVALID_ACCESS_TOKEN');
    expect(wrong.headers['www-authenticate']).toContain('error="invalid_token"');
  });

  it('by a public id alone, which identifies and proves nothing', async () => {
    await expectRefused({ ...proof(), 'api-key': t.north.key.publicId }, 'INVALID_API_KEY');
    await expectRefused({ ...proof(), 'x-api-key': t.north.key.publicId }, 'INVALID_API_KEY');
    // Of a bearer nobody showed, nothing is said (RFC 6750 section 3.1).
    const alone = await expectRefused({ ...proof(), 'api-key': t.north.key.publicId }, 'INVALID_API_KEY');
    expect(alone.headers['www-authenticate']).toBe('Bearer realm="symbolon"');
  });

  it('by a public id where a secret belongs, as by a secret that is none', async () => {
    await expectRefused({ ...proof(), authorization: `Bearer ${t.north.key.publicId}` }, 'INVALID_API_KEY');
  });

  it('by an access token alone', async () => {
    const { authorization = '' } = asapp;
    await expectRefused({ ...proof(), authorization }, 'INVALID_API_KEY');
  });

  it('by a secret where the public id belongs', async () => {
    const { authorization = '' } = asapp;
    for (const name of ['api-key', 'x-api-key']) {
      await expectRefused({ ...proof(), authorization, [name]: t.north.key.secret }, 'INVALID_API_KEY');
      await expectRefused({ ...proof(), [name]: t.north.key.secret }, 'INVALID_API_KEY');
    }
  });

  it('by both key headers at once, also with the same value', async () => {
    await expectRefused({ ...asapp, ...proof(), 'x-api-key': t.north.key.publicId }, 'INVALID_API_KEY');
  });

  it('by another scheme', async () => {
    for (const authorization of [
      'Basic eDp5',
      `Token ${t.north.key.secret}`,
      t.north.key.secret,
      'Bearer',
      'Bearer ',
    ]) {
      await expectRefused({ ...proof(), authorization }, 'INVALID_ACCESS_TOKEN');
    }
  });

  it('by an access token that is not exactly one of ours', async () => {
    const token = (asapp['authorization'] as string).slice('Bearer '.length);
    for (const [_what, bad] of misspelt(token)) {
      await expectRefused({ ...asapp, ...proof(), authorization: `Bearer ${bad}` }, 'INVALID_ACCESS_TOKEN');
    }
  });

  it('by an access token past its ten minutes', async () => {
    const { JWT } = await t.signIn();
    t.clock.advance(599_000);
    await t.api
      .post('/getprofile')
      .set({ ...asapp, 'customer-auth': `JWT ${JWT}` })
      .expect(200);
    t.crm.requests.length = 0;
    t.clock.advance(1_000);
    await expectRefused({ ...asapp, 'customer-auth': `JWT ${JWT}` }, 'INVALID_ACCESS_TOKEN');
  });

  it('by a customer token in the place of an access token', async () => {
    await expectRefused(
      { ...asapp, ...proof(), authorization: `Bearer ${mira.JWT}` },
      'INVALID_ACCESS_TOKEN',
    );
  });

  it('by a key that is misspelt, unknown or of another installation', async () => {
    const { authorization = '' } = asapp;
    const { publicId, secret } = t.north.key;
    const flip = (text: string) => text.slice(0, -1) + (text.endsWith('A') ? 'B' : 'A');
    for (const key of [
      flip(publicId),
      `${publicId}x`,
      publicId.toUpperCase(),
      publicId.replace('live', 'test'),
      'pk_live_',
    ]) {
      await expectRefused({ ...proof(), authorization, 'api-key': key }, 'INVALID_API_KEY');
    }
    for (const key of [flip(secret), `${secret}x`, secret.replace('live', 'test'), 'sk_', 'sk_live_']) {
      await expectRefused({ ...proof(), authorization: `Bearer ${key}` }, 'INVALID_API_KEY');
    }
  });

  it('by the secret of a signing key, which never travels', async () => {
    const signing = await t.createKey(t.north, { use: 'signing' });
    await expectRefused({ ...proof(), authorization: `Bearer ${signing.secret}` }, 'INVALID_API_KEY');
    const { authorization = '' } = asapp;
    await expectRefused({ ...proof(), authorization, 'api-key': signing.publicId }, 'INVALID_SIGNATURE');
  });

  it('by a key that must sign, without a signature', async () => {
    const strict = await t.createKey(t.north, { signature: 'any' });
    await expectRefused({ ...proof(), authorization: `Bearer ${strict.secret}` }, 'INVALID_SIGNATURE');
    const { authorization = '' } = asapp;
    await expectRefused({ ...proof(), authorization, 'api-key': strict.publicId }, 'INVALID_SIGNATURE');
    await expectRefused(
      { ...proof(), authorization: `Bearer ${t.north.key.secret}`, 'api-key': strict.publicId },
      'INVALID_SIGNATURE',
    );
  });

  it('by credentials in the address or the body', async () => {
    const call = t.api.post(`/getprofile?access_token=${t.north.key.secret}&api-key=${t.north.key.publicId}`);
    await call.set(proof()).send({ access_token: t.north.key.secret }).expect(401);
  });
});

describe('credentials of two partners never add up', () => {
  it('north’s token with south’s key, and the other way round', async () => {
    const south = await t.asappStyle(t.south);
    await expectRefused({ ...asapp, ...proof(), 'api-key': t.south.key.publicId }, 'INVALID_API_KEY');
    await expectRefused({ ...south, ...proof(), 'api-key': t.north.key.publicId }, 'INVALID_API_KEY');
  });

  it('south asking for north’s customer, and the other way round', async () => {
    const southCustomer = (await t.signIn('south')).JWT;
    await expectRefused({ ...(await t.asappStyle(t.south)), ...proof() }, 'INVALID_CUSTOMER_TOKEN');
    await expectRefused({ ...asapp, 'customer-auth': `JWT ${southCustomer}` }, 'INVALID_CUSTOMER_TOKEN');
    await expectRefused(
      { ...proof(), authorization: `Bearer ${t.south.key.secret}` },
      'INVALID_CUSTOMER_TOKEN',
    );
    await expectRefused(
      {
        authorization: `Bearer ${t.south.key.secret}`,
        'customer-auth': `Cookie ${await t.signInWithCookie()}`,
      },
      'INVALID_CUSTOMER_TOKEN',
    );
  });

  it('one partner’s secret with the other’s public id', async () => {
    const authorization = `Bearer ${t.north.key.secret}`;
    await expectRefused({ ...proof(), authorization, 'api-key': t.south.key.publicId }, 'INVALID_API_KEY');
  });

  it('and a foreign customer looks exactly like a token that is no token', async () => {
    const authorization = `Bearer ${t.south.key.secret}`;
    const foreign = await expectRefused({ ...proof(), authorization }, 'INVALID_CUSTOMER_TOKEN');
    const nothing = await expectRefused(
      { authorization, 'customer-auth': 'JWT x.y.z' },
      'INVALID_CUSTOMER_TOKEN',
    );
    const seen = ({ body }: { body: { error: object } }) => ({ ...body.error, request_id: '' });
    expect(seen(foreign)).toEqual(seen(nothing));
  });
});

describe('the customer is not proven', () => {
  const key = () => ({ authorization: `Bearer ${t.north.key.secret}` });

  it('without a proof', async () => {
    await expectRefused(key(), 'INVALID_CUSTOMER_TOKEN');
    await expectRefused(key(), 'INVALID_CUSTOMER_TOKEN', { customer_auth: 5 });
    await expectRefused(key(), 'INVALID_CUSTOMER_TOKEN', { customer_auth: null });
    await expectRefused(key(), 'INVALID_CUSTOMER_TOKEN', { customer_auth: [mira.JWT] });
  });

  it('by the bare identifier, which would be a password that never expires', async () => {
    for (const text of [
      mira.customer_id,
      `JWT ${mira.customer_id}`,
      `Cookie ${mira.customer_id}`,
      'Reference 4711',
    ]) {
      await expectRefused({ ...key(), 'customer-auth': text }, 'INVALID_CUSTOMER_TOKEN');
    }
    await expectRefused(key(), 'INVALID_CUSTOMER_TOKEN', { customer_auth: mira.customer_id });
    await expectRefused(key(), 'INVALID_CUSTOMER_TOKEN', { customer_id: mira.customer_id });
  });

  it('by two proofs at once', async () => {
    await expectRefused({ ...key(), ...proof() }, 'INVALID_CUSTOMER_TOKEN', { customer_auth: mira.JWT });
  });

  it('by a token that is not exactly one of ours', async () => {
    for (const [what, bad] of misspelt(mira.JWT)) {
      if (bad.includes(' ')) throw new Error(what);
      await expectRefused({ ...key(), 'customer-auth': `JWT ${bad}` }, 'INVALID_CUSTOMER_TOKEN');
    }
  });

  it('by an access token, an API key or the token without its scheme', async () => {
    const token = (asapp['authorization'] as string).slice('Bearer '.length);
    for (const text of [
      `JWT ${token}`,
      `JWT ${t.north.key.secret}`,
      mira.JWT,
      `Bearer ${mira.JWT}`,
      'JWT',
      'JWT ',
    ]) {
      await expectRefused({ ...key(), 'customer-auth': text }, 'INVALID_CUSTOMER_TOKEN');
    }
  });

  it('by an expired token, and then the caller learns that it should ask for a new one', async () => {
    t.clock.advance(900_000);
    await expectRefused({ ...key(), ...proof() }, 'CUSTOMER_TOKEN_EXPIRED');
  });

  it('by a token from the future', async () => {
    t.clock.jump(61_000);
    const { JWT } = await t.signIn();
    t.clock.jump(-61_000);
    await expectRefused({ ...key(), 'customer-auth': `JWT ${JWT}` }, 'INVALID_CUSTOMER_TOKEN');
  });

  it('by a cookie that is no session', async () => {
    const cookie = await t.signInWithCookie();
    const value = cookie.slice(cookie.indexOf('=') + 1);
    for (const text of [
      'x=1',
      `${cookie}x`,
      `${cookie}; ${cookie}`,
      value.split('.')[0] as string,
      `other=${value}`,
    ]) {
      await expectRefused({ ...key(), 'customer-auth': `Cookie ${text}` }, 'INVALID_CUSTOMER_TOKEN');
    }
    t.clock.advance(30 * 60_000 + 1);
    await expectRefused({ ...key(), 'customer-auth': `Cookie ${cookie}` }, 'INVALID_CUSTOMER_TOKEN');
  });

  it("by the service's own ambient cookie", async () => {
    await expectRefused({ ...key(), cookie: await t.signInWithCookie() }, 'INVALID_CUSTOMER_TOKEN');
  });

  it('by what was revoked by signing out, for a token of that session and for its cookie', async () => {
    const cookie = await t.signInWithCookie();
    const page = { origin: PUBLIC_URL, 'x-symbolon-csrf': '1', cookie };
    const { body } = await t.api.post('/customer_session/token').set(page).expect(200);
    await t.api.delete('/customer_session').set(page).expect(204);
    await expectRefused({ ...key(), 'customer-auth': `JWT ${body.JWT}` }, 'INVALID_CUSTOMER_TOKEN');
    await expectRefused({ ...key(), 'customer-auth': `Cookie ${cookie}` }, 'INVALID_CUSTOMER_TOKEN');
  });

  it('after an operator ended all sessions of the customer', async () => {
    const path = `/admin/customers/${mira.customer_id}/end-sessions`;
    await t.admin.post(path).send({ reason: 'lost telephone' }).expect(200);
    await expectRefused({ ...key(), ...proof() }, 'INVALID_CUSTOMER_TOKEN');
    t.clock.advance(1);
    const again = await t.signIn();
    await t.api
      .post('/getprofile')
      .set({ ...key(), 'customer-auth': `JWT ${again.JWT}` })
      .expect(200);
  });
});

it.each([
  ['authorization', 'INVALID_ACCESS_TOKEN'],
  ['api-key', 'INVALID_API_KEY'],
  ['X-API-KEY', 'INVALID_API_KEY'],
  ['customer-auth', 'INVALID_CUSTOMER_TOKEN'],
  ['x-timestamp', 'INVALID_SIGNATURE'],
  ['x-api-signature', 'INVALID_SIGNATURE'],
  ['signature', 'INVALID_SIGNATURE'],
])('a repeated %s header is refused, also with the same value', async (name, code) => {
  const values: Record<string, string> = { ...asapp, ...proof(), Host: 'x', 'Content-Length': '0' };
  const send = (extra: string) => {
    const lines = Object.entries(values).map(([header, value]) => `${header}: ${value}\r\n`);
    return rawRequest(t.url, `POST /getprofile HTTP/1.1\r\n${lines.join('')}${extra}\r\n`);
  };
  expect((await send('')).status).toBe(200);
  const value = values[name] ?? 'x';
  const repeated = await send(
    name in values ? `${name}: ${value}\r\n` : `${name}: ${value}\r\n${name}: ${value}\r\n`,
  );
  expect(repeated.status).toBe(401);
  expect(JSON.parse(repeated.text).error.code).toBe(code);
});

it('a refusal is in the audit trail, with the partner as soon as that is known and never the credential', async () => {
  const denied = await expectRefused({ ...asapp, 'customer-auth': 'JWT xyzzy' }, 'INVALID_CUSTOMER_TOKEN');
  const { body } = await t.admin.get(`/admin/audit?request_id=${denied.headers['x-request-id']}`).expect(200);
  expect(body.items).toMatchObject([
    { event: 'access.denied', outcome: 'refused', partner: 'north', reason: 'INVALID_CUSTOMER_TOKEN' },
  ]);
  expect(JSON.stringify([body, t.logs()])).not.toMatch(/xyzzy|eyJ[\w-]+\.|sk_live/);
});
