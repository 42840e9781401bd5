import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { compactVerify } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_TOKEN_LENGTH, parseJws, signJws, verifySignature } from '../../../src/tokens/jws.ts';

const b64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const HEADER = { alg: 'ES256', typ: 'customer+jwt', kid: 'k1' };
const CLAIMS = { iss: 'https://id.example.com', sub: 'c1', n: 1 };

let pair: { publicKey: KeyObject; privateKey: KeyObject };
let token: string;

beforeAll(() => {
  pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  token = signJws(b64(HEADER), CLAIMS, 'ES256', pair.privateKey);
});
const parts = () => token.split('.') as [string, string, string];
/** The token with another header or other claims, signed anew, so that only its form is at fault. */
const signed = (header: unknown, claims: unknown = CLAIMS) =>
  signJws(b64(header), claims as object, 'ES256', pair.privateKey);

describe('a token has one spelling', () => {
  it('and in that one it is taken', () => {
    const { signingInput, signature, ...read } = parseJws(token) as NonNullable<ReturnType<typeof parseJws>>;
    expect(read).toEqual({ header: HEADER, claims: CLAIMS });
    expect(verifySignature(signingInput, signature, 'ES256', pair.publicKey)).toBe(true);
  });

  it.each<[string, () => string]>([
    ['padding on the signature', () => `${token}==`],
    ['one sign of padding', () => `${token}=`],
    ['padding on the header', () => token.replace('.', '=.')],
    ['a space in the signature', () => `${token.slice(0, -5)} ${token.slice(-5)}`],
    ['a newline in the signature', () => `${token.slice(0, -5)}\n${token.slice(-5)}`],
    ['a newline at the end', () => `${token}\n`],
    ['a space in front', () => ` ${token}`],
    ['a tab in the claims', () => token.replace('.', '.\t')],
    ['the alphabet of plain base64', () => `${parts()[0]}.${parts()[1]}.${'+/'.repeat(43)}`],
    ['a dot at the end', () => `${token}.`],
    ['a dot in front', () => `.${token}`],
    ['two dots', () => token.replace('.', '..')],
    ['five parts, as an encrypted token has', () => `${token}.${parts()[1]}.${parts()[2]}`],
    ['no signature', () => `${parts()[0]}.${parts()[1]}.`],
    ['two parts', () => `${parts()[0]}.${parts()[1]}`],
    ['no claims', () => `${parts()[0]}..${parts()[2]}`],
    ['nothing', () => ''],
    ['dots alone', () => '..'],
    [
      'JSON serialisation',
      () => JSON.stringify({ protected: parts()[0], payload: parts()[1], signature: parts()[2] }),
    ],
    ['a token in a token', () => `${b64(HEADER)}.${b64(token)}.${parts()[2]}`],
    [
      'a byte that is not UTF-8 in the claims',
      () => `${parts()[0]}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${parts()[2]}`,
    ],
    [
      'an overlong byte order mark',
      () => `${b64(`\ufeff${JSON.stringify(HEADER)}`)}.${parts()[1]}.${parts()[2]}`,
    ],
    ['a list for claims', () => `${parts()[0]}.${b64([1])}.${parts()[2]}`],
    ['a text for claims', () => `${parts()[0]}.${b64('"x"')}.${parts()[2]}`],
    ['null for claims', () => `${parts()[0]}.${b64('null')}.${parts()[2]}`],
    ['broken JSON', () => `${parts()[0]}.${b64('{')}.${parts()[2]}`],
    ['a member twice in the claims', () => `${parts()[0]}.${b64('{"sub":"c2","sub":"c1"}')}.${parts()[2]}`],
    [
      'a member twice in the header',
      () =>
        `${b64('{"alg":"none","alg":"ES256","typ":"customer+jwt","kid":"k1"}')}.${parts()[1]}.${parts()[2]}`,
    ],
    [
      'white space in the header',
      () => `${b64(JSON.stringify(HEADER, null, 1))}.${parts()[1]}.${parts()[2]}`,
    ],
    [
      'an escape where none is needed',
      () => `${b64('{"alg":"ES256","typ":"customer\\u002bjwt","kid":"k1"}')}.${parts()[1]}.${parts()[2]}`,
    ],
  ])('%s is refused', (_what, spelling) => {
    expect(parseJws(spelling())).toBeUndefined();
  });

  it('the unused bits of the last character are zero', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.at(-1) as string);
    const accepted = alphabet.split('').filter((character) => parseJws(token.slice(0, -1) + character));
    expect(last % 16).toBe(0);
    // 64 bytes leave four bits over: of 64 last characters only four stand for something, and each for other bytes.
    expect(accepted).toEqual(['A', 'Q', 'g', 'w']);
  });

  it('a token of more than 8 KB is refused before anything is decoded', () => {
    const long = signed(HEADER, { fill: 'x'.repeat(7_000) });
    expect(long.length).toBeGreaterThan(MAX_TOKEN_LENGTH);
    expect(parseJws(long)).toBeUndefined();
    expect(parseJws(signed(HEADER, { fill: 'x'.repeat(5_000) }))).toBeDefined();
  });
});

describe('a header holds alg, typ and kid and nothing else', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  it.each<[string, unknown]>([
    ['crit', { ...HEADER, crit: ['exp'] }],
    ['b64', { ...HEADER, b64: false, crit: ['b64'] }],
    ['jwk', { ...HEADER, jwk: publicKey.export({ format: 'jwk' }) }],
    ['jku', { ...HEADER, jku: 'https://evil.example/jwks.json' }],
    ['x5u', { ...HEADER, x5u: 'https://evil.example/cert.pem' }],
    ['x5c', { ...HEADER, x5c: ['MII='] }],
    ['x5t', { ...HEADER, x5t: 'abc' }],
    ['enc', { ...HEADER, enc: 'A256GCM' }],
    ['cty', { ...HEADER, cty: 'JWT' }],
    ['an unknown member', { ...HEADER, extra: 1 }],
    ['__proto__', JSON.parse('{"alg":"ES256","typ":"customer+jwt","kid":"k1","__proto__":{}}')],
    ['no typ', { alg: 'ES256', kid: 'k1' }],
    ['no kid', { alg: 'ES256', typ: 'customer+jwt' }],
    ['no alg', { typ: 'customer+jwt', kid: 'k1' }],
    ['a number for typ', { ...HEADER, typ: 1 }],
    ['a list for kid', { ...HEADER, kid: ['k1'] }],
    ['an empty kid', { ...HEADER, kid: '' }],
    ['a path for kid', { ...HEADER, kid: '../../dev/null' }],
    ['a query for kid', { ...HEADER, kid: "k1' or '1'='1" }],
    ['a kid with a NUL', { ...HEADER, kid: 'k1\0' }],
    ['a kid of 65 characters', { ...HEADER, kid: 'k'.repeat(65) }],
  ])('%s is refused', (_what, header) => {
    expect(parseJws(signed(header))).toBeUndefined();
  });

  it.each([
    'none',
    'None',
    'NONE',
    'nOnE',
    'none ',
    '',
    'HS256',
    'HS384',
    'HS512',
    'ES384',
    'ES512',
    'PS256',
    'RS384',
    'RS512',
    'ES256K',
    'es256',
    'Ed25519',
    'dir',
    'RSA-OAEP',
    'ES256\0',
    null,
    0,
    true,
    ['ES256'],
    {},
  ])('alg %j is refused', (alg) => {
    expect(parseJws(signed({ ...HEADER, alg }))).toBeUndefined();
    expect(parseJws(`${b64({ ...HEADER, alg })}.${parts()[1]}.`)).toBeUndefined();
  });
});

describe('a signature', () => {
  const kinds = {
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: () => generateKeyPairSync('ed25519'),
    RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  } as const;

  it.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'of %s is one that jose accepts, and holds for no other key',
    async (alg) => {
      const own = kinds[alg]();
      const made = signJws(b64({ ...HEADER, alg }), CLAIMS, alg, own.privateKey);
      const { payload, protectedHeader } = await compactVerify(made, own.publicKey, { algorithms: [alg] });
      expect(JSON.parse(Buffer.from(payload).toString())).toEqual(CLAIMS);
      expect(protectedHeader).toEqual({ ...HEADER, alg });
      const parsed = parseJws(made);
      expect(parsed?.claims).toEqual(CLAIMS);
      const { signingInput, signature } = parsed as NonNullable<typeof parsed>;
      expect(verifySignature(signingInput, signature, alg, own.publicKey)).toBe(true);
      expect(verifySignature(signingInput, signature, alg, kinds[alg]().publicKey)).toBe(false);
      expect(verifySignature(`${signingInput}x`, signature, alg, own.publicKey)).toBe(false);
    },
  );

  it('of ES256 verifies with jose and with us 1,000 times, short integers included', async () => {
    let shortIntegers = 0;
    for (let n = 0; n < 1_000 || (shortIntegers === 0 && n < 10_000); n++) {
      const made = signJws(b64(HEADER), { n }, 'ES256', pair.privateKey);
      await compactVerify(made, pair.publicKey);
      const parsed = parseJws(made) as NonNullable<ReturnType<typeof parseJws>>;
      expect(parsed.signature).toHaveLength(64);
      expect(verifySignature(parsed.signingInput, parsed.signature, 'ES256', pair.publicKey)).toBe(true);
      if (parsed.signature[0] === 0 || parsed.signature[32] === 0) shortIntegers++;
    }
    // One in 128 has a leading zero byte, which the plain form keeps and DER leaves out.
    expect(shortIntegers).toBeGreaterThan(0);
  });

  it('of another length, or of zeros, is refused without an exception', () => {
    const { signingInput } = parseJws(token) as NonNullable<ReturnType<typeof parseJws>>;
    for (const length of [1, 32, 63, 65, 72, 128, 256]) {
      expect(verifySignature(signingInput, Buffer.alloc(length, 1), 'ES256', pair.publicKey)).toBe(false);
    }
    for (const fill of [0, 0xff]) {
      expect(verifySignature(signingInput, Buffer.alloc(64, fill), 'ES256', pair.publicKey)).toBe(false);
      expect(verifySignature(signingInput, Buffer.alloc(64, fill), 'EdDSA', kinds.EdDSA().publicKey)).toBe(
        false,
      );
      expect(verifySignature(signingInput, Buffer.alloc(256, fill), 'RS256', kinds.RS256().publicKey)).toBe(
        false,
      );
    }
  });

  it('made with the public key as an HMAC secret is no signature', () => {
    const pem = createPublicKey(pair.publicKey.export({ format: 'pem', type: 'spki' })).export({
      format: 'pem',
      type: 'spki',
    });
    const input = `${b64({ ...HEADER, alg: 'HS256' })}.${b64(CLAIMS)}`;
    const mac = createHmac('sha256', pem).update(input).digest();
    expect(parseJws(`${input}.${mac.toString('base64url')}`)).toBeUndefined();
    for (const signature of [mac, Buffer.concat([mac, mac])]) {
      expect(verifySignature(input, signature, 'ES256', pair.publicKey)).toBe(false);
    }
  });
});
