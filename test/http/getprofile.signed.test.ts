import { createHash, createHmac, generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rawRequest } from '../support/raw-request.ts';
import { startService, type TestKey, type TestService } from '../support/service.ts';
import { seconds, type V2Options, v2Headers } from './signing.ts';

let t: TestService;
let mira: { JWT: string; customer_id: string };
let signing: TestKey;
beforeEach(async () => {
  t = await startService();
  mira = await t.signIn('ios');
  signing = await t.createKey(t.north, { use: 'signing' });
});
afterEach(() => t.dispose());

const BODY = '{"fields":["plan"]}';
const proof = () => ({ 'customer-auth': `JWT ${mira.JWT}` });

async function ask(headers: Record<string, string>, body = BODY) {
  const call = t.api.post('/getprofile').set({ ...proof(), 'content-type': 'application/json', ...headers });
  return body === '' ? call : call.send(body);
}

async function expectRefused(headers: Record<string, string>, code: string, body = BODY) {
  const answer = await ask(headers, body);
  expect([answer.status, (answer.body as { error?: { code?: string } }).error?.code]).toEqual([
    /_NOT_ALLOWED$|^INSUFFICIENT_SCOPE$/.test(code) ? 403 : 401,
    code,
  ]);
  return answer;
}

const expectAccepted = async (headers: Record<string, string>, body = BODY) => {
  const answer = await ask(headers, body);
  expect(answer.body).toMatchObject({ customer_id: mira.customer_id });
  expect(answer.status).toBe(200);
};

/** The dialect as its documentation has it, written without any of our own code. */
function documented(key: TestKey, body: string, timestamp: string): Record<string, string> {
  const signingKey = createHash('sha256').update(key.secret).digest('hex');
  const signature = createHmac('sha256', signingKey).update(`${timestamp}.${body}`).digest('hex');
  return { 'X-API-Key': key.publicId, 'X-Timestamp': timestamp, 'X-API-Signature': signature };
}

describe('a request signed with v1', () => {
  it('reads a profile as the Coext dialect documents it', async () => {
    await expectAccepted(documented(signing, BODY, String(seconds(t))));
  });

  it('may have no body at all', async () => {
    await expectAccepted(documented(signing, '', String(seconds(t))), '');
  });

  it('is the same in upper case, and is not taken twice in another case', async () => {
    const headers = documented(signing, BODY, String(seconds(t)));
    const upper = { ...headers, 'X-API-Signature': headers['X-API-Signature']?.toUpperCase() as string };
    await expectAccepted(upper);
    await expectRefused(headers, 'SIGNATURE_REPLAYED');
  });

  it('is taken once from many who send it at the same time', async () => {
    const headers = documented(signing, BODY, String(seconds(t)));
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(headers)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it('is remembered for as long as its timestamp can pass, from the earliest to the latest', async () => {
    const headers = documented(signing, BODY, String(seconds(t) + 300));
    await expectAccepted(headers);
    t.clock.advance(599_000);
    mira = await t.signIn('ios');
    await expectRefused(headers, 'SIGNATURE_REPLAYED');
    t.clock.advance(2_000);
    await expectRefused(headers, 'TIMESTAMP_EXPIRED');
  });

  it('is not worth anything for another question of the same key in the same second', async () => {
    const headers = documented(signing, BODY, String(seconds(t)));
    await expectAccepted(headers);
    await expectRefused(
      { ...headers, 'customer-auth': `JWT ${(await t.signIn('ios', 'noor')).JWT}` },
      'SIGNATURE_REPLAYED',
    );
  });

  it.each([-301, 301])(
    '%i seconds from now is too far, and only a right signature learns that',
    async (offset) => {
      const headers = documented(signing, BODY, String(seconds(t) + offset));
      const { body, headers: answered } = await expectRefused(headers, 'TIMESTAMP_EXPIRED');
      expect((body as { error: { details: unknown } }).error.details).toEqual({ window_seconds: 300 });
      expect(answered.date).toBeDefined();
      const wrong = documented(
        { ...signing, secret: `${signing.secret}x` },
        BODY,
        String(seconds(t) + offset),
      );
      await expectRefused(wrong, 'INVALID_SIGNATURE');
    },
  );

  it.each([-300, 300])('%i seconds from now is near enough', async (offset) => {
    await expectAccepted(documented(signing, BODY, String(seconds(t) + offset)));
  });

  it('with a timestamp in milliseconds is told so', async () => {
    await expectRefused(documented(signing, BODY, String(t.clock.nowMs())), 'TIMESTAMP_EXPIRED');
  });

  it.each(['', 'abc', '+1767225600', '1767225600.0', '1.7e9', '-1', '17672256x0'])(
    'with the timestamp "%s" is refused even when that is what was signed',
    async (timestamp) => {
      await expectRefused(documented(signing, BODY, timestamp), 'INVALID_SIGNATURE');
    },
  );

  it('is refused when a byte of the body differs, and when it was written anew', async () => {
    const headers = documented(signing, BODY, String(seconds(t)));
    await expectRefused(headers, 'INVALID_SIGNATURE', '{"fields":["plaN"]}');
    await expectRefused(headers, 'INVALID_SIGNATURE', '{"fields": ["plan"]}');
    await expectRefused(headers, 'INVALID_SIGNATURE', `${BODY}\n`);
    await expectRefused(headers, 'INVALID_SIGNATURE', '');
    await expectAccepted(headers);
  });

  it('is refused when it is cut, prefixed, listed, or in base64', async () => {
    const headers = documented(signing, BODY, String(seconds(t)));
    const signature = headers['X-API-Signature'] as string;
    for (const spelling of [
      signature.slice(0, 63),
      signature.slice(0, 32),
      `sha256=${signature}`,
      `${signature},${signature}`,
      `${signature}00`,
      Buffer.from(signature, 'hex').toString('base64'),
      '0'.repeat(64),
    ]) {
      await expectRefused({ ...headers, 'X-API-Signature': spelling }, 'INVALID_SIGNATURE');
    }
  });

  it('is refused by half', async () => {
    const {
      'X-Timestamp': timestamp,
      'X-API-Signature': signature,
      ...key
    } = documented(signing, BODY, String(seconds(t)));
    await expectRefused({ ...key, 'X-Timestamp': timestamp as string }, 'INVALID_SIGNATURE');
    await expectRefused({ ...key, 'X-API-Signature': signature as string }, 'INVALID_SIGNATURE');
    await expectRefused(key, 'INVALID_SIGNATURE');
  });

  it('is refused when half of it stands beside a bearer that needs none', async () => {
    const bearer = { authorization: `Bearer ${t.north.key.secret}` };
    await expectRefused({ ...bearer, 'X-Timestamp': String(seconds(t)) }, 'INVALID_SIGNATURE');
    await expectRefused({ ...bearer, 'X-API-Signature': '0'.repeat(64) }, 'INVALID_SIGNATURE');
    await expectRefused({ ...bearer, signature: 'sig1=:AAAA:' }, 'INVALID_SIGNATURE');
  });

  it('twice on one request is refused', async () => {
    const headers = documented(signing, '', String(seconds(t)));
    const lines = Object.entries({ ...headers, ...proof() }).map(([name, value]) => `${name}: ${value}`);
    lines.push(`X-API-Signature: ${headers['X-API-Signature']}`);
    const { status, text } = await rawRequest(
      t.url,
      `POST /getprofile HTTP/1.1\r\nHost: id.test\r\n${lines.join('\r\n')}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    expect(status).toBe(401);
    expect(text).toContain('INVALID_SIGNATURE');
  });
});

describe('whose signature it is', () => {
  it('an unknown key is an invalid key, whatever was signed', async () => {
    const unknown = { ...signing, publicId: t.south.key.publicId.slice(0, -1) };
    await expectRefused(documented(unknown, BODY, String(seconds(t))), 'INVALID_API_KEY');
  });

  it('another partner’s key cannot be signed for', async () => {
    const foreign = { ...signing, publicId: t.south.key.publicId };
    await expectRefused(documented(foreign, BODY, String(seconds(t))), 'INVALID_SIGNATURE');
  });

  it('an expired key is told to its holder alone', async () => {
    const expires_at = new Date(t.clock.nowMs() + 1_000).toISOString();
    const short = await t.createKey(t.north, { use: 'signing', expires_at });
    await expectAccepted(documented(short, BODY, String(seconds(t))));
    t.clock.advance(1_000);
    await expectRefused(documented(short, BODY, String(seconds(t))), 'EXPIRED_API_KEY');
    await expectRefused(
      documented({ ...short, secret: 'other' }, BODY, String(seconds(t))),
      'INVALID_API_KEY',
    );
    await expectRefused(documented(short, BODY, String(seconds(t) - 400)), 'EXPIRED_API_KEY');
    await expectRefused({ 'x-api-key': short.publicId }, 'INVALID_API_KEY');
  });

  it('a revoked key is an invalid key even for its holder', async () => {
    await t.admin.post(`/admin/api-keys/${signing.keyId}/revoke`).expect(200);
    await expectRefused(documented(signing, BODY, String(seconds(t))), 'INVALID_API_KEY');
  });

  it('a key without the scope is told so, and only to its holder', async () => {
    const narrow = await t.createKey(t.north, { use: 'signing', scopes: ['whoami'] });
    await expectRefused(documented(narrow, BODY, String(seconds(t))), 'INSUFFICIENT_SCOPE');
    await expectRefused(
      documented({ ...narrow, secret: 'other' }, BODY, String(seconds(t))),
      'INVALID_SIGNATURE',
    );
  });

  it('a refusal names the key in the audit trail and holds nothing that signs', async () => {
    const headers = documented(signing, BODY, String(seconds(t)));
    await expectRefused(headers, 'INVALID_SIGNATURE', `${BODY} `);
    const text = JSON.stringify(t.logs());
    expect(text).toContain(signing.publicId.slice(0, 14));
    expect(text).not.toContain(headers['X-API-Signature']);
    expect(text).not.toContain(signing.publicId);
  });
});

describe('beside other credentials', () => {
  it('a signed key and an access token allow what both allow', async () => {
    const { authorization = '' } = await t.asappStyle();
    await expectAccepted({ ...documented(signing, BODY, String(seconds(t))), authorization });
    const narrow = await t.createKey(t.north, { use: 'signing', scopes: ['whoami'] });
    await expectRefused(
      { ...documented(narrow, BODY, String(seconds(t))), authorization },
      'INSUFFICIENT_SCOPE',
    );
  });

  it('a signature that nobody asked for is checked all the same', async () => {
    const { authorization = '' } = await t.asappStyle();
    const plain = documented(t.north.key, BODY, String(seconds(t)));
    await expectAccepted({ ...plain, authorization });
    await expectRefused({ ...plain, authorization }, 'SIGNATURE_REPLAYED');
    await expectRefused({ ...plain, authorization, 'X-API-Signature': '0'.repeat(64) }, 'INVALID_SIGNATURE');
    const bearer = `Bearer ${t.north.key.secret}`;
    const { 'X-API-Key': _key, ...unnamed } = documented(t.north.key, BODY, String(seconds(t) + 1));
    await expectAccepted({ ...unnamed, authorization: bearer });
    await expectRefused(
      { ...unnamed, authorization: bearer, 'X-Timestamp': String(seconds(t)) },
      'INVALID_SIGNATURE',
    );
  });

  it('a right signature of another partner’s key does not help', async () => {
    const { authorization = '' } = await t.asappStyle(t.south);
    await expectRefused(
      { ...documented(signing, BODY, String(seconds(t))), authorization },
      'INVALID_API_KEY',
    );
  });

  it('the signature of one key does not stand for another that must sign', async () => {
    const strict = await t.createKey(t.north, { signature: 'any' });
    const headers = {
      ...documented(signing, BODY, String(seconds(t))),
      authorization: `Bearer ${strict.secret}`,
    };
    await expectRefused(headers, 'INVALID_SIGNATURE');
  });

  it('a signature alone does not stand for a secret that is to be presented', async () => {
    await expectRefused(documented(t.north.key, BODY, String(seconds(t))), 'INVALID_API_KEY');
    await expectRefused({ 'x-api-key': t.north.key.publicId }, 'INVALID_API_KEY');
  });

  it('a test key opens no live data, alone or beside another', async () => {
    const test = await t.createKey(t.north, { use: 'signing', environment: 'test' });
    await expectRefused(documented(test, BODY, String(seconds(t))), 'ENVIRONMENT_NOT_ALLOWED');
    const { authorization = '' } = await t.asappStyle();
    const both = { ...documented(test, BODY, String(seconds(t) + 1)), authorization };
    await expectRefused(both, 'ENVIRONMENT_NOT_ALLOWED');
  });
});

describe('a request signed with v2', () => {
  const v2 = (options: V2Options = {}, key = signing) => v2Headers(t, key, { body: BODY, ...options });

  it('reads a profile, with and without the key header', async () => {
    await expectAccepted(v2());
    await expectAccepted({ ...v2(), 'x-api-key': signing.publicId });
    await expectAccepted({ ...v2(), 'api-key': signing.publicId });
  });

  it.each<[string, (headers: Record<string, string>) => Record<string, string>]>([
    [
      'has no nonce',
      (h) => ({ ...h, 'signature-input': `${h['signature-input']?.replace(/;nonce="[^"]*"/, '')}` }),
    ],
    [
      'has no time',
      (h) => ({ ...h, 'signature-input': `${h['signature-input']?.replace(/;created=\d+/, '')}` }),
    ],
    [
      'covers no method',
      (h) => ({ ...h, 'signature-input': `${h['signature-input']?.replace('"@method" ', '')}` }),
    ],
    ['is cut', (h) => ({ ...h, signature: 'sig1=:AAAA:' })],
    ['is missing', ({ signature: _signature, ...h }) => h],
  ])(
    'that %s is an invalid signature of its key, and is recorded with key and partner',
    async (_what, broken) => {
      const { headers } = await expectRefused(broken(v2()), 'INVALID_SIGNATURE');
      const { body } = await t.admin.get(`/admin/audit?request_id=${headers['x-request-id']}`).expect(200);
      expect(body.items).toMatchObject([
        { event: 'access.denied', partner: 'north', key_prefix: signing.publicId.slice(0, 14) },
      ]);
    },
  );

  it('that nobody can read is an invalid signature too', async () => {
    await expectRefused({ ...v2(), 'signature-input': 'sig1=(' }, 'INVALID_SIGNATURE');
  });

  it('is refused when the key header names another key', async () => {
    const other = await t.createKey(t.north, { use: 'signing' });
    await expectRefused({ ...v2(), 'x-api-key': other.publicId }, 'INVALID_SIGNATURE');
  });

  it.each([
    ['method', { method: 'PUT' }],
    ['path', { path: '/account/getprofile' }],
    ['query', { query: '?a=1' }],
    ['host', { authority: 'id.test:8443' }],
    ['body', { body: '{"fields":["balance"]}' }],
  ])('is bound to its %s', async (_what, options) => {
    await expectRefused(v2(options), 'INVALID_SIGNATURE');
  });

  it('is bound to the body that arrives', async () => {
    await expectRefused(v2(), 'INVALID_SIGNATURE', '{"fields":["balance"]}');
    await expectRefused(v2(), 'INVALID_SIGNATURE', '');
  });

  it('can be bound to the customer proof, which then cannot be replaced', async () => {
    const headers = { 'content-type': 'application/json', ...proof() };
    const bound = v2({ headers, alsoCover: ['customer-auth'] });
    const other = { 'customer-auth': `JWT ${(await t.signIn('ios', 'noor')).JWT}` };
    await expectRefused({ ...bound, ...other }, 'INVALID_SIGNATURE');
    await expectAccepted(bound);
  });

  it('goes by the public address, whatever the Host header says', async () => {
    await expectAccepted({ ...v2(), host: 'somewhere.else.test' });
    await expectRefused(
      { ...v2({ authority: 'somewhere.else.test' }), host: 'somewhere.else.test' },
      'INVALID_SIGNATURE',
    );
  });

  it('is taken once, and a second one with the same nonce is not', async () => {
    const headers = v2();
    await expectAccepted(headers);
    await expectRefused(headers, 'SIGNATURE_REPLAYED');
    const nonce = 'one-nonce-for-two-requests';
    await expectAccepted(v2({ nonce }));
    t.clock.advance(1_000);
    await expectRefused(v2({ nonce }), 'SIGNATURE_REPLAYED');
  });

  it.each([-61, 61])('%i seconds from now is too far', async (offset) => {
    const { body } = await expectRefused(v2({ createdSeconds: seconds(t) + offset }), 'TIMESTAMP_EXPIRED');
    expect((body as { error: { details: unknown } }).error.details).toEqual({ window_seconds: 60 });
  });

  it('can be made with an Ed25519 key whose private half nobody here has', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const made = await t.admin
      .post('/admin/api-keys')
      .send({
        partner: 'north',
        use: 'signing',
        signature: 'v2',
        ed25519_public_keys: [publicKey.export({ format: 'jwk' }).x],
      })
      .expect(201);
    const { public_id: publicId, secret } = made.body as { public_id: string; secret: null };
    expect(secret).toBeNull();
    const key = { publicId, secret: 'none', keyId: '' };
    await expectAccepted(v2({ key: { algorithm: 'ed25519', privateKey } }, key));
    const other = generateKeyPairSync('ed25519').privateKey;
    await expectRefused(v2({ key: { algorithm: 'ed25519', privateKey: other } }, key), 'INVALID_SIGNATURE');
    await expectRefused(v2({}, key), 'INVALID_SIGNATURE');
    await expectRefused(v2({ key: { algorithm: 'ed25519', privateKey } }), 'INVALID_SIGNATURE');
  });
});

describe('which signature a key needs', () => {
  const v1 = (key: TestKey) => documented(key, BODY, String(seconds(t)));
  const v2 = (key: TestKey) => v2Headers(t, key, { body: BODY });

  it('is v2 alone: v1 would be a way round', async () => {
    const key = await t.createKey(t.north, { use: 'signing', signature: 'v2' });
    await expectRefused(v1(key), 'INVALID_SIGNATURE');
    await expectAccepted(v2(key));
  });

  it('is v1 alone', async () => {
    const key = await t.createKey(t.north, { use: 'signing', signature: 'v1' });
    await expectAccepted(v1(key));
    await expectRefused(v2(key), 'INVALID_SIGNATURE');
  });

  it('may be both at once, and then both must be right', async () => {
    const key = await t.createKey(t.north, { use: 'signing', signature: 'v2' });
    await expectAccepted({ ...v1(key), ...v2(key) });
    const wrong = { ...v2(key), ...v1(key), 'X-API-Signature': '0'.repeat(64) };
    await expectRefused(wrong, 'INVALID_SIGNATURE');
  });

  it('is never none for a key that signs', async () => {
    const { body } = await t.admin
      .post('/admin/api-keys')
      .send({ partner: 'north', use: 'signing', signature: 'none' })
      .expect(201);
    expect(body).toMatchObject({ signature: 'any' });
    const { key_id: keyId } = body as { key_id: string };
    const changed = await t.admin.patch(`/admin/api-keys/${keyId}`).send({ signature: 'none' }).expect(200);
    expect(changed.body).toMatchObject({ signature: 'any' });
  });

  it('of a bearer key comes on top of the secret', async () => {
    const key = await t.createKey(t.north, { signature: 'v1' });
    const bearer = { authorization: `Bearer ${key.secret}` };
    await expectRefused(bearer, 'INVALID_SIGNATURE');
    await expectAccepted({ ...bearer, ...v1(key) });
  });

  it('changes at once', async () => {
    const bearer = { authorization: `Bearer ${t.north.key.secret}` };
    await expectAccepted(bearer);
    await t.admin.patch(`/admin/api-keys/${t.north.key.keyId}`).send({ signature: 'any' }).expect(200);
    await expectRefused(bearer, 'INVALID_SIGNATURE');
    await expectAccepted({ ...bearer, ...documented(t.north.key, BODY, String(seconds(t))) });
  });
});

describe('from which address', () => {
  const list = (allowed_addresses: string[]) =>
    t.admin.patch(`/admin/api-keys/${signing.keyId}`).send({ allowed_addresses }).expect(200);

  it('a listed one is taken', async () => {
    await list(['192.0.2.0/24', '127.0.0.0/8']);
    await expectAccepted(documented(signing, BODY, String(seconds(t))));
  });

  it('another one is refused, and the holder of the key is told which address we saw', async () => {
    await list(['192.0.2.0/24', '2001:db8::/32']);
    const { body } = await expectRefused(documented(signing, BODY, String(seconds(t))), 'IP_NOT_ALLOWED');
    expect((body as { error: { details: unknown } }).error.details).toEqual({ address: '127.0.0.1' });
  });

  it('whoever does not hold the key learns nothing of the list', async () => {
    await list(['192.0.2.0/24']);
    await expectRefused(
      documented({ ...signing, secret: 'other' }, BODY, String(seconds(t))),
      'INVALID_SIGNATURE',
    );
    await t.admin.patch(`/admin/api-keys/${t.north.key.keyId}`).send({ allowed_addresses: ['192.0.2.1'] });
    await expectRefused({ 'x-api-key': t.north.key.publicId }, 'INVALID_API_KEY');
    await expectRefused({ authorization: `Bearer ${t.north.key.secret}` }, 'IP_NOT_ALLOWED');
    await expectRefused(await t.asappStyle(), 'IP_NOT_ALLOWED');
  });

  it('a header says nothing about the address when no proxy is configured', async () => {
    await list(['192.0.2.0/24']);
    const headers = documented(signing, BODY, String(seconds(t)));
    await expectRefused({ ...headers, 'x-forwarded-for': '192.0.2.7' }, 'IP_NOT_ALLOWED');
  });

  it('a refused signature was not used up', async () => {
    await list(['192.0.2.0/24']);
    const headers = documented(signing, BODY, String(seconds(t)));
    await expectRefused(headers, 'IP_NOT_ALLOWED');
    await list([]);
    await expectAccepted(headers);
  });
});

describe('behind a proxy that is configured', () => {
  it('the address that it vouches for counts', async () => {
    await t.dispose();
    t = await startService({
      settings: (all) => ({ ...all, http: { ...all.http, trusted_proxies: ['127.0.0.1'] } }),
    });
    mira = await t.signIn('ios');
    const key = await t.createKey(t.north, { allowed_addresses: ['192.0.2.0/24'] });
    const bearer = { authorization: `Bearer ${key.secret}` };
    await expectAccepted({ ...bearer, 'x-forwarded-for': '192.0.2.7' });
    await expectAccepted({ ...bearer, 'x-forwarded-for': '203.0.113.5, ::ffff:192.0.2.7' });
    await expectRefused({ ...bearer, 'x-forwarded-for': '192.0.2.7, 203.0.113.5' }, 'IP_NOT_ALLOWED');
    await expectRefused(bearer, 'IP_NOT_ALLOWED');
  });
});
