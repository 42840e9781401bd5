import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  explainV1,
  explainV2,
  type ExplainingKeys,
  type SignatureCheck,
  type SignatureExplanation,
} from '../../../src/signatures/explain.ts';
import {
  PROBLEM_SENTENCES,
  type SignatureProblem,
  type SignedRequest,
  signingKeyBytes,
} from '../../../src/signatures/signed-request.ts';
import { signV1 } from '../../../src/signatures/v1.ts';
import { readV2, signV2 } from '../../../src/signatures/v2.ts';
import { NOW_MS, NOW_SECONDS, request } from './signed.ts';

const SECRET = 'a secret that only the tests have';
const signingKey = signingKeyBytes(SECRET);
const keys: ExplainingKeys = { signingKeys: [signingKey], publicKeys: [], secret: SECRET };
const body = Buffer.from('{"fields":["plan"]}');

const hmac = (key: string | Uint8Array, text: string | Uint8Array) =>
  createHmac('sha256', key).update(text).digest();
const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest();
const part = (found: SignatureExplanation | undefined, name: string) =>
  found?.checks.find((one) => one.part === name);

describe('what is said of a v1 signature', () => {
  const v1 = (
    signature: Uint8Array | string,
    timestamp: string | number = NOW_SECONDS,
    sent: Buffer = body,
  ) =>
    explainV1(
      request(
        { body: sent },
        {
          'x-timestamp': String(timestamp),
          'x-api-signature':
            typeof signature === 'string' ? signature : Buffer.from(signature).toString('hex'),
        },
      ),
      keys,
      NOW_MS,
    );
  const right = (timestamp: string | number = NOW_SECONDS) =>
    hmac(signingKey, `${timestamp}.${body.toString()}`);

  it('nothing, where there is none', () => {
    expect(explainV1(request({ body }), keys, NOW_MS)).toBeUndefined();
  });

  it('of a right one: every part is fine, and what was signed is shown', () => {
    const text = `${NOW_SECONDS}.${body.toString()}`;
    expect(v1(right())).toEqual({
      version: 'v1',
      right: true,
      checks: [
        { part: 'form', ok: true, message: 'Both headers are there and well-formed.' },
        { part: 'time', ok: true, message: expect.stringMatching(/\S/) as string },
        { part: 'match', ok: true, message: 'The signature is that of this body and this timestamp.' },
      ],
      stringToSign: { text, truncated: false, bytes: text.length, sha256: sha256(text).toString('hex') },
    });
  });

  it('of a long body: its beginning alone, and its whole digest', () => {
    const long = Buffer.alloc(9_000, 'x');
    const whole = `${NOW_SECONDS}.${long.toString()}`;
    const found = explainV1(
      request({ body: long }, signV1({ signingKey, timestampSeconds: NOW_SECONDS, body: long })),
      keys,
      NOW_MS,
    );
    expect(found?.right).toBe(true);
    expect(found?.stringToSign).toEqual({
      text: whole.slice(0, 4_096),
      truncated: true,
      bytes: whole.length,
      sha256: sha256(whole).toString('hex'),
    });
  });

  it.each([
    ['late', -301, 'behind'],
    ['early', 301, 'ahead'],
  ])('of one that is %s: its time is not, the rest is', (_what, offset, side) => {
    const found = v1(right(NOW_SECONDS + offset), NOW_SECONDS + offset);
    expect(found?.right).toBe(false);
    expect(found?.checks.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(part(found, 'time')?.message).toMatch(new RegExp(`\\b301\\b.*\\b${side}\\b`));
    expect(part(found, 'time')?.message).not.toMatch(/milliseconds/);
  });

  it('of a timestamp in milliseconds: that it looks like one', () => {
    expect(part(v1(right(NOW_MS), NOW_MS), 'time')?.message).toMatch(/milliseconds/);
  });

  it('of one by either of two secrets: the same', () => {
    const other = signingKeyBytes('another secret');
    const text = `${NOW_SECONDS}.${body.toString()}`;
    const both = (signature: Buffer) =>
      explainV1(
        request(
          { body },
          { 'x-timestamp': String(NOW_SECONDS), 'x-api-signature': signature.toString('hex') },
        ),
        { signingKeys: [other, signingKey], publicKeys: [] },
        NOW_MS,
      );
    for (const key of [other, signingKey]) {
      expect(both(hmac(key, text))?.right).toBe(true);
      expect(part(both(hmac(key, body)), 'match')?.message).toMatch(/body alone/);
      const binary = Buffer.from(key.toString(), 'hex');
      expect(part(both(hmac(binary, text)), 'match')?.message).toMatch(/32 bytes/);
    }
  });

  it.each([300, -300])('of one at the very end of its time (%s s): it is right', (offset) => {
    expect(v1(right(NOW_SECONDS + offset), NOW_SECONDS + offset)?.right).toBe(true);
  });

  it.each<[SignatureProblem, Record<string, string>]>([
    ['timestamp_missing', { 'x-api-signature': 'a'.repeat(64) }],
    ['signature_missing', { 'x-timestamp': '1' }],
    ['timestamp_malformed', { 'x-timestamp': 'noon', 'x-api-signature': 'a'.repeat(64) }],
  ])('of one with the problem %s: that', (problem, headers) => {
    const found = explainV1(request({ body }, headers), keys, NOW_MS);
    expect(found).toMatchObject({ version: 'v1', right: false });
    expect(found?.checks).toEqual([
      {
        part: problem.startsWith('timestamp') ? 'time' : 'form',
        ok: false,
        message: PROBLEM_SENTENCES[problem],
      },
    ]);
    expect(found?.stringToSign === undefined).toBe(headers['x-timestamp'] === undefined);
  });

  it('of one that is not hex: how it is written', () => {
    expect(v1('sha256=abc')?.checks[0]?.message).toMatch(/exactly 64 hex digits/);
  });

  const text = `${NOW_SECONDS}.${body.toString()}`;
  it.each<[string, Uint8Array]>([
    ['keyed with the secret itself', hmac(SECRET, text)],
    ['keyed with the bytes of the digest', hmac(sha256(SECRET), text)],
    ['over milliseconds', hmac(signingKey, `${NOW_SECONDS}000.${body.toString()}`)],
    ['without the dot', hmac(signingKey, `${NOW_SECONDS}${body.toString()}`)],
    ['with a line break instead of the dot', hmac(signingKey, `${NOW_SECONDS}\n${body.toString()}`)],
    ['over an empty body', hmac(signingKey, `${NOW_SECONDS}.`)],
    ['over the body alone', hmac(signingKey, body)],
    ['over the body and then the timestamp', hmac(signingKey, `${body.toString()}.${NOW_SECONDS}`)],
    ['over nothing that we know', hmac('x', 'y')],
  ])('of one %s: a sentence of its own', (what, signature) => {
    const found = v1(signature);
    expect(found?.right).toBe(false);
    expect({ what, said: part(found, 'match') }).toMatchSnapshot();
  });
});

describe('what is said of a v2 signature', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const x = publicKey.export({ format: 'jwk' }).x as string;
  const base = request(
    { body, path: '/id/getprofile', authority: 'id.test:8443' },
    { 'content-type': 'application/json' },
  );
  const signedWith = (over: SignedRequest, more: Partial<Parameters<typeof signV2>[0]> = {}) =>
    signV2({
      request: over,
      keyId: 'pk_live_1',
      key: { algorithm: 'hmac-sha256', signingKey },
      createdSeconds: NOW_SECONDS,
      nonce: 'nonce-0123456789abcdef',
      ...more,
    });
  const arrived = (headers: Record<string, string>, change: Partial<SignedRequest> = {}): SignedRequest => {
    const all: Record<string, string> = {
      'content-type': 'application/json',
      host: 'inner.test',
      ...headers,
    };
    return { ...base, ...change, header: (name) => all[name] };
  };
  const explain = (
    headers: Record<string, string>,
    change: Partial<SignedRequest> = {},
    more: Partial<ExplainingKeys> = {},
  ) => explainV2(arrived(headers, change), { ...keys, ...more }, NOW_MS);
  /** A signature over another base than the right one. */
  const over = (change: (text: string) => string, key: Uint8Array | string = signingKey) => {
    const headers = signedWith(base);
    const read = readV2(arrived(headers));
    const mac = hmac(key, Buffer.from(change(typeof read === 'object' ? read.base : ''), 'latin1'));
    return {
      ...headers,
      signature: (headers.signature ?? '').replace(/:[^:]*:/, `:${mac.toString('base64')}:`),
    };
  };

  it('nothing, where there is none', () => {
    expect(explain({})).toBeUndefined();
  });

  it('of a right one: every part is fine', () => {
    const found = explain(signedWith(base));
    expect(found).toMatchObject({ version: 'v2', right: true });
    expect(found?.checks.map(({ ok }) => ok)).toEqual([true, true, true, true]);
    expect(found).toMatchSnapshot();
  });

  it('of one by Ed25519: right with its public key, and without one that no key is there', () => {
    const headers = signedWith(base, { key: { algorithm: 'ed25519', privateKey } });
    expect(explain(headers, {}, { publicKeys: [x] })?.right).toBe(true);
    expect(part(explain(headers), 'match')?.message).toBe(PROBLEM_SENTENCES.algorithm_without_key);
    const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x as string;
    expect(part(explain(headers, {}, { publicKeys: [other] }), 'match')?.message).toMatch(
      /Compare the string to sign/,
    );
    expect(sign(null, Buffer.from('x'), privateKey)).toHaveLength(64);
  });

  it('of one by HMAC where only public keys are: that no key is there', () => {
    const said = part(explain(signedWith(base), {}, { signingKeys: [], publicKeys: [x] }), 'match');
    expect(said?.message).toBe(PROBLEM_SENTENCES.algorithm_without_key);
  });

  it('of one over another body: the body, not the match', () => {
    const found = explain(signedWith(base), { body: Buffer.from('{}') });
    expect(found?.checks.map(({ part: name, ok }) => [name, ok])).toEqual([
      ['form', true],
      ['time', true],
      ['body', false],
      ['match', true],
    ]);
    expect(found?.right).toBe(false);
  });

  it.each([61, -61])('of one made %s s from now: its time', (offset) => {
    const found = explain(signedWith(base, { createdSeconds: NOW_SECONDS + offset }));
    expect(found?.right).toBe(false);
    expect(part(found, 'time')).toMatchObject({
      ok: false,
      message: expect.stringContaining('61') as string,
    });
  });

  it('of one that is over by its own word: that', () => {
    const signed = signedWith(base);
    const headers = {
      ...signed,
      'signature-input': `${signed['signature-input']};expires=${NOW_SECONDS - 1}`,
    };
    expect(part(explain(headers), 'time')).toEqual({
      part: 'time',
      ok: false,
      message: PROBLEM_SENTENCES.expired,
    });
  });

  it.each<[SignatureProblem, SignatureCheck['part'], (headers: Record<string, string>) => object]>([
    ['signature_malformed', 'form', (headers) => ({ ...headers, signature: 'sig=' })],
    ['digest_missing', 'body', ({ 'content-digest': _digest, ...headers }) => headers],
    [
      'timestamp_missing',
      'time',
      (headers) => ({
        ...headers,
        'signature-input': headers['signature-input']?.replace(/;created=\d+/, ''),
      }),
    ],
  ])('of one with the problem %s: the %s', (problem, where, change) => {
    expect(explain(change(signedWith(base)) as Record<string, string>)).toEqual({
      version: 'v2',
      right: false,
      checks: [{ part: where, ok: false, message: PROBLEM_SENTENCES[problem] }],
      stringToSign: undefined,
    });
  });

  it('of a digest that cannot be read: the body, and the signature over it holds', () => {
    const headers = signedWith(base);
    const found = explain({ ...headers, 'content-digest': 'sha-256' });
    expect(part(found, 'body')).toEqual({
      part: 'body',
      ok: false,
      message: PROBLEM_SENTENCES.digest_malformed,
    });
  });

  it('of a host that is an IPv6 address: its port alone is what may be missing', () => {
    const at = (authority: string) => ({ ...base, authority });
    const headers = signedWith(at('[2001:db8::1]'));
    const found = explain(headers, { authority: '[2001:db8::1]:8443' });
    expect(part(found, 'match')?.message).toMatch(/lacks the port/);
  });

  it('of a path of several parts: the first alone is what may be missing', () => {
    const found = explain(signedWith({ ...base, path: '/v1/getprofile' }), { path: '/id/v1/getprofile' });
    expect(part(found, 'match')?.message).toMatch(/lacks the path/);
  });

  it('shows the bytes that were signed, also of a header that is not ASCII', () => {
    const plain = { 'content-type': 'text/plain; note=\u00e9' };
    const headers = { ...plain, ...signedWith({ ...base, header: (name) => plain[name as 'content-type'] }) };
    const found = explain(headers);
    expect(found?.right).toBe(true);
    const read = readV2(arrived(headers));
    const bytes = Buffer.from(typeof read === 'object' ? read.base : '', 'latin1');
    expect(found?.stringToSign).toMatchObject({
      bytes: bytes.length,
      sha256: sha256(bytes).toString('hex'),
    });
    const lineBreak = hmac(signingKey, Buffer.concat([bytes, Buffer.from('\n')])).toString('base64');
    const broken = explain({ ...headers, signature: `sig1=:${lineBreak}:` });
    expect(part(broken, 'match')?.message).toMatch(/without a line break/);
    const lower = Buffer.from(bytes.toString('latin1').replace('POST', 'post'), 'latin1');
    const inLower = explain({
      ...headers,
      signature: `sig1=:${hmac(signingKey, lower).toString('base64')}:`,
    });
    expect(part(inLower, 'match')?.message).toMatch(/upper case/);
  });

  it.each<[string, () => Record<string, string>]>([
    ['with a line break at the end', () => over((text) => `${text}\n`)],
    ['keyed with the bytes of the digest', () => over((text) => text, sha256(SECRET))],
    ['keyed with the secret itself', () => over((text) => text, SECRET)],
    ['with the method in lower case', () => over((text) => text.replace('POST', 'post'))],
    ['with the inner host', () => over((text) => text.replace('id.test:8443', 'inner.test'))],
    ['without the port', () => over((text) => text.replace('id.test:8443', 'id.test'))],
    [
      'without the path of the public address',
      () => over((text) => text.replace('/id/getprofile', '/getprofile')),
    ],
    ['with nothing that we know', () => over((text) => `${text}!`)],
  ])('of one %s: a sentence of its own', (what, headers) => {
    const found = explain(headers());
    expect(found?.right).toBe(false);
    expect({ what, said: part(found, 'match') }).toMatchSnapshot();
  });
});

it('every problem has a sentence of its own', () => {
  const sentences = Object.values(PROBLEM_SENTENCES);
  expect(new Set(sentences).size).toBe(sentences.length);
  expect(PROBLEM_SENTENCES).toMatchSnapshot();
});
