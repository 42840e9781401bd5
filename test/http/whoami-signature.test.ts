import { createHash, createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startService, type TestKey, type TestService } from '../support/service.ts';
import { seconds, v1Headers, v2Headers } from './signing.ts';

let t: TestService;
let signing: TestKey;
let authorization: string;
beforeEach(async () => {
  t = await startService();
  signing = await t.createKey(t.north, { use: 'signing', signature: 'v1' });
  authorization = `Bearer ${await t.accessToken()}`;
});
afterEach(() => t.dispose());

const BODY = '{"fields": ["plan"]}';

interface Explanation {
  public_prefix: string;
  policy: string;
  accepted: boolean;
  signatures: {
    version: string;
    right: boolean;
    checks: { part: string; ok: boolean; message: string }[];
    string_to_sign: { text: string; truncated: boolean; bytes: number; sha256: string } | null;
  }[];
  server_time: number;
}

const call = (headers: Record<string, string>, body = BODY) =>
  t.api
    .post('/whoami/signature')
    .set({ 'content-type': 'application/json', ...headers })
    .send(body);

async function explain(headers: Record<string, string>, body = BODY): Promise<Explanation> {
  return (await call({ authorization, ...headers }, body).expect(200)).body as Explanation;
}

/** The sentence of the one check that failed. */
async function complaint(headers: Record<string, string>, body = BODY): Promise<string> {
  const { accepted, signatures } = await explain(headers, body);
  expect(accepted).toBe(false);
  const failed = signatures.flatMap(({ checks }) => checks.filter(({ ok }) => !ok));
  expect(failed).toHaveLength(1);
  return `${failed[0]?.part}: ${failed[0]?.message}`;
}

const signedWith = (key: string | Buffer, text: string) =>
  createHmac('sha256', key).update(text).digest('hex');
const hexKey = () => createHash('sha256').update(signing.secret).digest('hex');

describe('an explained signature', () => {
  it('that is right is told so, with the string that was signed', async () => {
    const found = await explain(v1Headers(t, signing, BODY));
    const text = `${seconds(t)}.${BODY}`;
    expect(found).toMatchObject({
      public_prefix: signing.publicId.slice(0, 14),
      policy: 'v1',
      accepted: true,
      server_time: seconds(t),
      signatures: [
        {
          version: 'v1',
          right: true,
          string_to_sign: {
            text,
            truncated: false,
            bytes: text.length,
            sha256: createHash('sha256').update(text).digest('hex'),
          },
        },
      ],
    });
  });

  it.each([
    [
      'keyed with the binary digest',
      () => signedWith(Buffer.from(hexKey(), 'hex'), `${seconds(t)}.${BODY}`),
      /64 lower-case hex digits/,
    ],
    ['over the body alone', () => signedWith(hexKey(), BODY), /body alone/],
    ['without the full stop', () => signedWith(hexKey(), `${seconds(t)}${BODY}`), /full stop .* missing/],
    ['over a line break', () => signedWith(hexKey(), `${seconds(t)}\n${BODY}`), /line break instead/],
    ['the wrong way round', () => signedWith(hexKey(), `${BODY}.${seconds(t)}`), /wrong way round/],
    ['over an empty body', () => signedWith(hexKey(), `${seconds(t)}.`), /empty body/],
    [
      'over the body written anew',
      () => signedWith(hexKey(), `${seconds(t)}.${JSON.stringify(JSON.parse(BODY))}`),
      /another spelling/,
    ],
    ['over one line break more', () => signedWith(hexKey(), `${seconds(t)}.${BODY}\n`), /another spelling/],
    ['that is anything else', () => '0'.repeat(64), /other bytes or with another key/],
  ])('%s is told its mistake', async (_what, signature, message) => {
    const headers = { ...v1Headers(t, signing, BODY), 'x-api-signature': signature() };
    expect(await complaint(headers)).toMatch(message);
  });

  it('over the body as Python writes it is told its mistake', async () => {
    const compact = '{"fields":["plan","balance"],"n":1}';
    const python = '{"fields": ["plan", "balance"], "n": 1}';
    const headers = {
      ...v1Headers(t, signing),
      'x-api-signature': signedWith(hexKey(), `${seconds(t)}.${python}`),
    };
    expect(await complaint(headers, compact)).toMatch(/another spelling/);
  });

  it('at the wrong time is told by how much, and when it looks like milliseconds', async () => {
    expect(await complaint(v1Headers(t, signing, BODY, seconds(t) - 400))).toMatch(
      /^time: .*400 seconds behind/,
    );
    expect(await complaint(v1Headers(t, signing, BODY, seconds(t) + 400))).toMatch(
      /^time: .*400 seconds ahead/,
    );
    expect(await complaint(v1Headers(t, signing, BODY, t.clock.nowMs()))).toMatch(/milliseconds/);
  });

  it('by half or in another form is told so', async () => {
    const { 'x-timestamp': timestamp, 'x-api-signature': signature, ...key } = v1Headers(t, signing, BODY);
    expect(await complaint({ ...key, 'x-timestamp': timestamp as string })).toMatch(
      /^form: There is no signature/,
    );
    expect(await complaint({ ...key, 'x-api-signature': signature as string })).toMatch(
      /^time: There is no timestamp/,
    );
    const base64 = Buffer.from(signature as string, 'hex').toString('base64');
    const other = { ...key, 'x-timestamp': timestamp as string, 'x-api-signature': base64 };
    expect(await complaint(other)).toMatch(/^form: .*not base64/);
  });

  it('of the other scheme than the key needs is right and not accepted', async () => {
    const headers = v2Headers(t, signing, { path: '/whoami/signature', body: BODY });
    const found = await explain(headers);
    expect(found).toMatchObject({
      policy: 'v1',
      accepted: false,
      signatures: [{ version: 'v2', right: true }],
    });
    expect(found.signatures[0]?.string_to_sign?.text.split('\n')[2]).toBe('"@path": /whoami/signature');
  });

  it('of the second scheme is told its mistakes', async () => {
    const options = { path: '/whoami/signature', body: BODY };
    const key = await t.createKey(t.north, { use: 'signing', signature: 'v2' });
    expect((await explain(v2Headers(t, key, options))).accepted).toBe(true);
    expect(await complaint(v2Headers(t, key, { ...options, createdSeconds: seconds(t) - 100 }))).toMatch(
      /100 seconds behind/,
    );
    expect(await complaint(v2Headers(t, key, { ...options, method: 'post' }))).toMatch(/upper case/);
    expect(await complaint(v2Headers(t, key, { ...options, body: '{}' }))).toMatch(/^body: /);
    expect(await complaint(v2Headers(t, key, { ...options, path: '/getprofile' }))).toMatch(/other bytes/);
    const uncovered = v2Headers(t, key, options);
    uncovered['signature-input'] = uncovered['signature-input']?.replace('"@query" ', '') as string;
    expect(await complaint(uncovered)).toMatch(/not covered/);
  });

  it('that is missing altogether is not accepted', async () => {
    const found = await explain({ 'x-api-key': signing.publicId });
    expect(found).toMatchObject({ accepted: false, signatures: [] });
  });

  it('is not used up, and of a long body only the beginning comes back', async () => {
    const body = JSON.stringify({ fields: ['plan'], note: 'x'.repeat(6_000) });
    const headers = v1Headers(t, signing, body);
    const found = await explain(headers, body);
    expect(found.signatures[0]?.string_to_sign).toMatchObject({ truncated: true, bytes: body.length + 11 });
    expect(found.signatures[0]?.string_to_sign?.text).toHaveLength(4_096);
    const { JWT } = await t.signIn('ios');
    await t.api
      .post('/getprofile')
      .set({ ...headers, 'content-type': 'application/json', 'customer-auth': `JWT ${JWT}` })
      .send(body)
      .expect(200);
  });

  it('can be that of a bearer key, with its own secret as the proof', async () => {
    const { 'x-api-key': _key, ...headers } = v1Headers(t, t.north.key, BODY);
    const bearer = { authorization: `Bearer ${t.north.key.secret}` };
    expect(await explain({ ...headers, ...bearer })).toMatchObject({ policy: 'none', accepted: true });
  });
});

describe('whoever does not belong to the key’s partner', () => {
  async function expectRefused(headers: Record<string, string>, code: string) {
    const { body, status } = await call(headers);
    expect([status, (body as { error: { code: string } }).error.code]).toEqual([
      code === 'INSUFFICIENT_SCOPE' ? 403 : 401,
      code,
    ]);
  }

  it('is told nothing, even with a right signature', async () => {
    await expectRefused(v1Headers(t, signing, BODY), 'INVALID_ACCESS_TOKEN');
    await expectRefused(
      { ...v1Headers(t, signing, BODY), authorization: 'Bearer nonsense' },
      'INVALID_ACCESS_TOKEN',
    );
  });

  it('is told the same of a foreign key as of one that never was', async () => {
    const south = { authorization: `Bearer ${await t.accessToken(t.south)}` };
    await expectRefused({ ...v1Headers(t, signing, BODY), ...south }, 'INVALID_API_KEY');
    await expectRefused(
      { ...v1Headers(t, { ...signing, publicId: 'pk_live_never_was' }, BODY), ...south },
      'INVALID_API_KEY',
    );
  });

  it('cannot use the secret of a signing key as the proof', async () => {
    const bearer = { authorization: `Bearer ${signing.secret}` };
    await expectRefused({ ...v1Headers(t, signing, BODY), ...bearer }, 'INVALID_API_KEY');
  });

  it('must be allowed to ask who it is', async () => {
    const narrow = await t.createKey(t.north, { scopes: ['profile:read'] });
    const bearer = { authorization: `Bearer ${narrow.secret}` };
    await expectRefused({ ...v1Headers(t, signing, BODY), ...bearer }, 'INSUFFICIENT_SCOPE');
  });
});

it('an explanation never holds a signature, a key or a secret', async () => {
  const headers = v1Headers(t, signing, BODY);
  const right = headers['x-api-signature'] as string;
  const texts = [
    await explain(headers),
    await explain({ ...headers, 'x-api-signature': '0'.repeat(64) }),
    await explain({ ...headers, 'x-api-signature': right.slice(1) }),
  ].map((found) => JSON.stringify(found));
  for (const text of texts)
    for (const secret of [right, signing.secret, hexKey(), signing.publicId])
      expect(text).not.toContain(secret);
});
