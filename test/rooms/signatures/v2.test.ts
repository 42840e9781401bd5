import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { contentDigestProblem } from '../../../src/signatures/content-digest.ts';
import { type SignedRequest, signingKeyOf } from '../../../src/signatures/signed-request.ts';
import {
  readV2,
  signV2,
  V2_TAG,
  type V2Signature,
  v2BodyProblem,
  v2KeyId,
  v2MatchesEd25519,
  v2MatchesHmac,
  v2TimeProblem,
} from '../../../src/signatures/v2.ts';
import { NOW_MS, NOW_SECONDS, request, SECRET } from './signed.ts';

const KEY_ID = 'pk_live_example0001';
const signingKey = signingKeyOf(SECRET);
const JSON_TYPE = { 'content-type': 'application/json' };
const NONCE = 'a-nonce-of-16-or-more';

function signed(
  change: Partial<Omit<SignedRequest, 'header'>> = {},
  headers: Record<string, string> = JSON_TYPE,
) {
  const parts = request(change, headers);
  return {
    ...headers,
    ...signV2({
      request: parts,
      keyId: KEY_ID,
      key: { algorithm: 'hmac-sha256', signingKey },
      createdSeconds: NOW_SECONDS,
      nonce: NONCE,
    }),
  } as Record<string, string>;
}

const input = (change: (text: string) => string) => {
  const headers = signed();
  return { ...headers, 'signature-input': change(headers['signature-input'] as string) };
};

function found(parts: SignedRequest): V2Signature {
  const read = readV2(parts);
  if (typeof read !== 'object') throw new Error(`not read: ${String(read)}`);
  return read;
}

describe('signature v2', () => {
  it('is right for the request that was signed', () => {
    const read = found(request({}, signed()));
    expect(read).toMatchObject({ version: 'v2', keyId: KEY_ID, nonce: NONCE, createdSeconds: NOW_SECONDS });
    expect(v2MatchesHmac(read, signingKey)).toBe(true);
    expect(v2BodyProblem(request({}, signed()))).toBeUndefined();
    expect(v2TimeProblem(read, NOW_MS)).toBeUndefined();
  });

  it.each([
    ['method', { method: 'PUT' }],
    ['host', { authority: 'identity.example.org' }],
    ['port', { authority: 'identity.example.com:8443' }],
    ['path', { path: '/getprofile/' }],
    ['case of the path', { path: '/GetProfile' }],
    ['query', { query: '?a=1' }],
    ['empty query', { query: '?a' }],
  ])('is wrong for another %s', (_what, change) => {
    expect(v2MatchesHmac(found(request(change, signed())), signingKey)).toBe(false);
  });

  it('is wrong for another content type, and for a digest that somebody replaced', () => {
    const other = { ...signed(), 'content-type': 'text/plain' };
    expect(v2MatchesHmac(found(request({}, other)), signingKey)).toBe(false);
    const body = Buffer.from('{"fields":["balance"]}');
    const digest = signed({ body })['content-digest'] as string;
    const replaced = request({ body }, { ...signed(), 'content-digest': digest });
    expect(v2BodyProblem(replaced)).toBeUndefined();
    expect(v2MatchesHmac(found(replaced), signingKey)).toBe(false);
  });

  it('notices another body', () => {
    const body = Buffer.from('{"fields":["plan"] }');
    expect(v2BodyProblem(request({ body }, signed()))).toBe('digest_mismatch');
  });

  it('needs the digest of a body that is there', () => {
    const { 'content-digest': _digest, ...rest } = signed();
    expect(readV2(request({}, rest))).toBe('digest_missing');
    const bare = signed({ body: Buffer.alloc(0) });
    expect(readV2(request({}, bare))).toBe('digest_missing');
    expect(readV2(request({ body: Buffer.alloc(0) }, bare))).toBeTypeOf('object');
  });

  it.each(['"@method" ', '"@authority" ', '"@path" ', '"@query" ', '"content-digest" ', ' "content-type"'])(
    'must cover %s',
    (name) => {
      expect(
        readV2(
          request(
            {},
            input((text) => text.replace(name, '')),
          ),
        ),
      ).toBe('component_missing');
    },
  );

  it.each([
    ['a component with parameters', '"@path"', '"@path";req'],
    ['a component twice', '"@path"', '"@path" "@path"'],
    ['a component that is no string', '"@path"', '"@path" path'],
    ['a derived component that it does not know', '"@path"', '"@path" "@status"'],
    ['a header that is not there', '"@path"', '"@path" "x-absent"'],
    ['a header name in upper case', '"content-type"', '"content-type" "Content-Type"'],
  ])('refuses %s', (_what, from, to) => {
    expect(
      readV2(
        request(
          {},
          input((text) => text.replace(from, to)),
        ),
      ),
    ).toBe('component_unusable');
  });

  it.each([
    ['no created', /;created=\d+/, '', 'timestamp_missing'],
    ['a created that is a string', /;created=(\d+)/, ';created="$1"', 'timestamp_malformed'],
    ['a created with a fraction', /;created=(\d+)/, ';created=$1.5', 'signature_input_malformed'],
    ['a created below zero', /;created=(\d+)/, ';created=-$1', 'timestamp_malformed'],
    ['an expires that is a string', /;tag/, ';expires="1";tag', 'timestamp_malformed'],
    ['no keyid', /;keyid="[^"]*"/, '', 'key_id_mismatch'],
    ['no nonce', /;nonce="[^"]*"/, '', 'nonce_malformed'],
    ['a short nonce', /;nonce="[^"]*"/, ';nonce="short"', 'nonce_malformed'],
    ['a long nonce', /;nonce="[^"]*"/, `;nonce="${'n'.repeat(129)}"`, 'nonce_malformed'],
    ['a nonce of bytes', /;nonce="[^"]*"/, ';nonce=:YS1ub25jZS1vZi0xNi1vci1tb3Jl:', 'nonce_malformed'],
    ['a nonce with a space', /;nonce="[^"]*"/, ';nonce="sixteen characters"', 'nonce_malformed'],
    ['no alg', /;alg="[^"]*"/, '', 'algorithm_refused'],
    ['another alg', /;alg="[^"]*"/, ';alg="rsa-pss-sha512"', 'algorithm_refused'],
    ['an alg that is a token', /;alg="[^"]*"/, ';alg=ed25519', 'algorithm_refused'],
    ['a parameter that it does not know', /;tag/, ';extra=1;tag', 'signature_input_malformed'],
    ['a parameter twice', /;tag/, ';created=1;tag', 'signature_input_malformed'],
  ])('refuses %s', (_what, from, to, problem) => {
    expect(
      readV2(
        request(
          {},
          input((text) => text.replace(from, to)),
        ),
      ),
    ).toBe(problem);
  });

  it.each([16, 128])('takes a nonce of %i characters', (length) => {
    const nonce = '~'.repeat(length);
    const headers = input((text) => text.replace(/;nonce="[^"]*"/, `;nonce="${nonce}"`));
    expect(found(request({}, headers)).nonce).toBe(nonce);
  });

  it.each(['"Content-Type"', '5', '?1', ':eC1hYnNlbnQ=:', 'x-token', '"@Path"', '"x y"'])(
    'takes no component %s, also from a server that finds headers by any name',
    (component) => {
      const headers: Record<string, string> = input((text) =>
        text.replace('"content-type"', `"content-type" ${component}`),
      );
      const server = {
        ...request(),
        header: (name: string) => headers[name.toLowerCase()] ?? 'there',
      };
      expect(readV2(server)).toBe('component_unusable');
    },
  );

  it('covers at most thirty components', () => {
    const covering = (count: number) => {
      const more = Array.from({ length: count - 6 }, (_, i) => [`x-${i}`, String(i)]);
      const headers = { ...JSON_TYPE, ...Object.fromEntries(more) } as Record<string, string>;
      const parts = request({}, headers);
      const alsoCover = more.map(([name]) => name as string);
      const key = { algorithm: 'hmac-sha256', signingKey } as const;
      const made = signV2({
        request: parts,
        keyId: KEY_ID,
        key,
        createdSeconds: NOW_SECONDS,
        nonce: NONCE,
        alsoCover,
      });
      return readV2(request({}, { ...headers, ...made }));
    };
    expect(covering(30)).toMatchObject({ version: 'v2' });
    expect(covering(31)).toBe('component_unusable');
  });

  it('signs the value of a header without the white space around it', () => {
    const headers = signed({}, { 'content-type': '\t text/plain ' });
    const { base } = found(request({}, headers));
    expect(base).toContain('\n"content-type": text/plain\n');
  });

  it('signs the very bytes of a header that is not ASCII', () => {
    const headers = signed({}, { 'content-type': 'text/plain; note=\u00e9' });
    const read = found(request({}, headers));
    const mac = createHmac('sha256', signingKey).update(Buffer.from(read.base, 'latin1')).digest();
    expect(read.signature).toEqual(mac);
    expect(v2MatchesHmac(read, signingKey)).toBe(true);
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const signature = sign(null, Buffer.from(read.base, 'latin1'), privateKey);
    expect(v2MatchesEd25519({ ...read, algorithm: 'ed25519', signature }, publicKey)).toBe(true);
  });

  it('must cover the digest that an empty body brings, and adds none to it', () => {
    const body = Buffer.alloc(0);
    const headers = signed({ body });
    expect(Object.keys(headers).sort()).toEqual(['content-type', 'signature', 'signature-input']);
    const digest = signed()['content-digest'] as string;
    expect(readV2(request({ body }, { ...headers, 'content-digest': digest }))).toBe('component_missing');
  });

  it('refuses a member of its tag that is no list of components', () => {
    const alone = { ...signed(), 'signature-input': `sig1=1;created=1;tag="${V2_TAG}"` };
    expect(readV2(request({}, alone))).toBe('signature_input_malformed');
    expect(
      readV2(
        request(
          {},
          input((text) => `sig0=1, ${text}`),
        ),
      ),
    ).toBe('signature_input_malformed');
  });

  it('knows its keyid also where the rest cannot be right, and none where it is not said', () => {
    const keyId = (field?: string) =>
      v2KeyId(request({}, field === undefined ? {} : { 'signature-input': field }));
    const field = signed()['signature-input'] as string;
    expect(keyId(field)).toBe(KEY_ID);
    expect(keyId(field.replace(/;nonce="[^"]*"/, ''))).toBe(KEY_ID);
    for (const none of [
      undefined,
      '',
      'not a dictionary',
      field.replace(/;keyid="[^"]*"/, ''),
      field.replace(/;keyid="[^"]*"/, ';keyid=1'),
      field.replace(V2_TAG, 'web-bot-auth'),
      `${field}, sig2=1`,
    ])
      expect(keyId(none)).toBeUndefined();
  });

  it('takes a created of the very beginning as a time, which is long over', () => {
    const read = found(
      request(
        {},
        input((text) => text.replace(/;created=\d+/, ';created=0')),
      ),
    );
    expect(v2TimeProblem(read, NOW_MS)).toBe('timestamp_outside_window');
  });

  it('leaves signatures of other parties alone, and refuses two of its own', () => {
    const headers = signed();
    const foreign = 'sig9=("@authority");created=1;tag="web-bot-auth"';
    const other = {
      'signature-input': `${foreign}, ${headers['signature-input']}`,
      signature: `sig9=:AAAA:, ${headers.signature}`,
    };
    expect(v2MatchesHmac(found(request({}, { ...headers, ...other })), signingKey)).toBe(true);
    expect(readV2(request({}, { 'signature-input': foreign, signature: 'sig9=:AAAA:' }))).toBeUndefined();
    const twice = {
      'signature-input': `${headers['signature-input']}, ${headers['signature-input']?.replace('sig1', 'sig2')}`,
    };
    expect(readV2(request({}, { ...headers, ...twice }))).toBe('signature_input_malformed');
  });

  it('refuses half a signature', () => {
    const { signature, 'signature-input': signatureInput, ...rest } = signed();
    expect(readV2(request({}, rest))).toBeUndefined();
    expect(readV2(request({}, { ...rest, signature: signature as string }))).toBe('signature_input_missing');
    expect(readV2(request({}, { ...rest, 'signature-input': signatureInput as string }))).toBe(
      'signature_missing',
    );
  });

  it.each([
    ['under another label', (text: string) => text.replace('sig1', 'sig2')],
    ['that is a string', () => 'sig1="AAAA"'],
    ['that is a string of the right length', () => `sig1="${'A'.repeat(32)}"`],
    ['that is a list', () => 'sig1=(:AAAA:)'],
    ['of another length', () => 'sig1=:AAAA:'],
    ['that is not base64', () => 'sig1=:not base64:'],
    ['with loose bits', (text: string) => text.replace(/.=:$/, (end) => `${end[0] === 'B' ? 'C' : 'B'}=:`)],
  ])('refuses a signature %s', (_what, change) => {
    const headers = signed();
    const read = readV2(request({}, { ...headers, signature: change(headers.signature as string) }));
    expect(read).toBe('signature_malformed');
  });

  it.each([
    [-61, 'timestamp_outside_window'],
    [-60, undefined],
    [60, undefined],
    [61, 'timestamp_outside_window'],
  ])('made %i seconds from now: %s', (seconds, problem) => {
    expect(v2TimeProblem(found(request({}, signed())), NOW_MS - seconds * 1000)).toBe(problem);
  });

  it('ends when it says so itself', () => {
    const parts = request(
      {},
      input((text) => text.replace(';tag', `;expires=${NOW_SECONDS + 5};tag`)),
    );
    expect(v2TimeProblem(found(parts), NOW_MS + 4_000)).toBeUndefined();
    expect(v2TimeProblem(found(parts), NOW_MS + 5_000)).toBe('expired');
  });

  it('takes an Ed25519 signature with the public key alone, and never as an HMAC', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const headers = {
      ...JSON_TYPE,
      ...signV2({
        request: request({}, JSON_TYPE),
        keyId: KEY_ID,
        key: { algorithm: 'ed25519', privateKey },
        createdSeconds: NOW_SECONDS,
        nonce: NONCE,
      }),
    };
    const read = found(request({}, headers));
    expect(v2MatchesEd25519(read, publicKey)).toBe(true);
    expect(v2MatchesEd25519(read, generateKeyPairSync('ed25519').publicKey)).toBe(false);
    expect(v2MatchesHmac(read, signingKey)).toBe(false);
    expect(v2MatchesEd25519(found(request({}, signed())), publicKey)).toBe(false);
  });

  it('signs an empty path as a slash and no query as a question mark', () => {
    const { base } = found(
      request(
        { path: '', method: 'GET', body: Buffer.alloc(0) },
        signed({ path: '', method: 'GET', body: Buffer.alloc(0) }),
      ),
    );
    expect(base.split('\n').slice(0, 4)).toEqual([
      '"@method": GET',
      '"@authority": identity.example.com',
      '"@path": /',
      '"@query": ?',
    ]);
    expect(base).toContain(`;tag="${V2_TAG}"`);
  });

  it('refuses to sign a header that is not in the request', () => {
    const sign = () =>
      signV2({
        request: request({}, JSON_TYPE),
        keyId: KEY_ID,
        key: { algorithm: 'hmac-sha256', signingKey },
        createdSeconds: NOW_SECONDS,
        nonce: NONCE,
        alsoCover: ['customer-auth'],
      });
    expect(sign).toThrow('not in the request');
  });
});

describe('Content-Digest', () => {
  const hello = Buffer.from('{"hello": "world"}');
  // RFC 9530, appendix B.
  const sha256 = 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:';
  const sha512 =
    'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:';

  it.each([sha256, sha512, `${sha256}, ${sha512}`, `md5=:AAAA:, ${sha256}`])('takes %s', (field) => {
    expect(contentDigestProblem(field, hello)).toBeUndefined();
  });

  it.each([
    ['', 'digest_malformed'],
    ['md5=:AAAA:', 'digest_malformed'],
    ['sha-256="text"', 'digest_malformed'],
    ['sha-256', 'digest_malformed'],
    ['sha-256=:AAAA:', 'digest_mismatch'],
    [`${sha256}, ${sha512.replace('WZ', 'WX')}`, 'digest_mismatch'],
    [`${sha256}, ${sha256}`, 'digest_malformed'],
    [`${sha256},`, 'digest_malformed'],
  ])('refuses "%s"', (field, problem) => {
    expect(contentDigestProblem(field, hello)).toBe(problem);
  });
});
