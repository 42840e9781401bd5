import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { generateKeyPairSync } from 'node:crypto';
import { createAddressList, isAddressRange } from '../../src/api-keys/address-list.ts';
import {
  generateKeyPair,
  isGuessable,
  isPublicId,
  isSecret,
  looksLikeToken,
  mayBePublicId,
  mayBeSecret,
} from '../../src/api-keys/key-format.ts'; // prettier-ignore
import { checkInputs } from '../../src/channels/channel-proof.ts';
import { decodeProof } from '../../src/channels/verify-proof.ts';
import { isRegisteredRedirectUri, redirectUriProblem } from '../../src/clients/redirect-uri.ts';
import { BridgeError } from '../../src/errors.ts';
import { parseFields } from '../../src/http/body.ts';
import {
  type CustomerIdentifier,
  identifierKeyVersion,
  isName,
  isTestIdentifier,
  MAX_REFERENCE_BYTES,
  parseIdentifier,
  parseReference,
} from '../../src/identifiers/identifier.ts'; // prettier-ignore
import { callerNetwork } from '../../src/limits/caller-network.ts';
import { repeatsMember } from '../../src/platform/json-members.ts';
import { type SignedRequest, signingKeyOf } from '../../src/signatures/signed-request.ts';
import { parseDictionary } from '../../src/signatures/structured-fields.ts';
import { readV1, signV1, v1IsTimely, v1Matches } from '../../src/signatures/v1.ts';
import {
  readV2,
  signV2,
  v2BodyProblem,
  v2KeyId,
  v2MatchesHmac,
  v2TimeProblem,
} from '../../src/signatures/v2.ts';
import { MAX_TOKEN_LENGTH, parseJws, signJws, verifySignature } from '../../src/tokens/jws.ts';
import { loadText, problemsOf } from '../rooms/config/settings.ts';
import type { Input } from './mutations.ts';

/** A parser or verifier with inputs that it takes, and what must hold of any input. */
export interface Target {
  name: string;
  inputs: readonly Input[];
  /** Throws when a promise is broken. `original` is the input before it was changed. */
  check(input: Input, original: Input): void;
}

/** Refusals are answers; whatever else is thrown is a defect. */
function refusedOr<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof BridgeError) return undefined;
    throw error;
  }
}

const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const bytes = (input: Input) => Buffer.from(input, 'latin1');

function tokenTarget(): Target {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const header = b64({ alg: 'ES256', typ: 'customer+jwt', kid: 'k1' });
  const tokens = [
    { sub: 'c1', n: 1 },
    { sub: 'c1', nested: { a: ['ü', null] } },
  ].map((claims) => signJws(header, claims, 'ES256', privateKey));
  return {
    name: 'jws',
    inputs: tokens,
    check(input) {
      const parsed = parseJws(input);
      decodeProof(input);
      if (!parsed) return;
      ok(input.length <= MAX_TOKEN_LENGTH, 'longer than a token may be');
      strictEqual(input.split('.').length, 3);
      for (const part of input.split('.'))
        strictEqual(Buffer.from(part, 'base64url').toString('base64url'), part);
      // Of everything there is, only what we signed is right.
      const right = verifySignature(parsed.signingInput, parsed.signature, 'ES256', publicKey);
      strictEqual(right, tokens.includes(input), 'a token that nobody signed was taken');
    },
  };
}

const SECRET = `sk_live_${'k'.repeat(40)}`;
const SIGNING_KEY = signingKeyOf(SECRET);
const NOW_SECONDS = 1_790_000_000;
const NOW_MS = NOW_SECONDS * 1_000;
const BODY = Buffer.from('{"fields":["plan"]}');

/** A request as text: lines of headers, an empty one, the body. */
const written = (headers: Record<string, string>, body: Uint8Array) =>
  `${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')}\n\n${Buffer.from(body).toString('latin1')}`; // prettier-ignore

function read(input: Input): SignedRequest {
  const end = input.indexOf('\n\n');
  const head = end < 0 ? input : input.slice(0, end);
  const headers = new Map(
    head.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, Math.max(0, colon)).toLowerCase(), line.slice(colon + 2)];
    }),
  );
  return {
    method: 'POST',
    authority: 'id.test',
    path: '/getprofile',
    query: '',
    body: end < 0 ? Buffer.alloc(0) : bytes(input.slice(end + 2)),
    header: (name) => headers.get(name),
  };
}

function v1Target(): Target {
  const signed = signV1({ signingKey: SIGNING_KEY, timestampSeconds: NOW_SECONDS, body: BODY });
  const original = written(signed, BODY);
  return {
    name: 'signature-v1',
    inputs: [original],
    check(input) {
      const request = read(input);
      const signature = readV1(request);
      if (signature === undefined || typeof signature === 'string') return;
      v1IsTimely(signature, NOW_MS);
      if (!v1Matches(signature, SIGNING_KEY, request.body)) return;
      deepStrictEqual(Buffer.from(request.body), BODY, 'another body passed');
      strictEqual(request.header('x-timestamp'), signed['x-timestamp'], 'another time passed');
    },
  };
}

function v2Target(): Target {
  const base = { ...read('\n\n'), body: BODY };
  const headers = signV2({
    request: {
      ...base,
      header: (name: string) => (name === 'content-type' ? 'application/json' : undefined),
    },
    key: { algorithm: 'hmac-sha256', signingKey: SIGNING_KEY },
    keyId: 'pk_live_1',
    createdSeconds: NOW_SECONDS,
    nonce: 'nonce-0123456789abcdef',
  });
  const original = written({ 'content-type': 'application/json', ...headers }, BODY);
  return {
    name: 'signature-v2',
    inputs: [original],
    check(input) {
      const request = read(input);
      v2KeyId(request);
      const signature = readV2(request);
      if (signature === undefined || typeof signature === 'string') return;
      v2TimeProblem(signature, NOW_MS);
      if (!v2MatchesHmac(signature, SIGNING_KEY) || v2BodyProblem(request) !== undefined) return;
      deepStrictEqual(Buffer.from(request.body), BODY, 'another body passed');
      strictEqual(signature.keyId, 'pk_live_1', 'another key id passed');
    },
  };
}

const REGISTERED = ['https://app.example.com/back?x=1', 'com.example.app:/callback', 'http://127.0.0.1/back'];

const plainTargets: Target[] = [
  {
    name: 'structured-fields',
    inputs: [
      'sig=("@method" "@authority" "@path");created=1;keyid="pk_live_1";alg="hmac-sha256";tag="bridge-v2"',
      'a=1, b=?1;x=:aGk=:, c=(1 2.5 tok "s");y=?0',
      'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
    ],
    check(input) {
      const first = parseDictionary(input);
      deepStrictEqual(parseDictionary(input), first);
      if (first) for (const name of first.keys()) ok(/^[a-z*][a-z0-9_.*-]*$/.test(name), `${name} is no key`);
    },
  },
  {
    name: 'key-format',
    inputs: Object.values(generateKeyPair('live')).concat(Object.values(generateKeyPair('test'))),
    check(input, original) {
      const known = input === original;
      for (const itIs of [isPublicId, isSecret, looksLikeToken, isGuessable])
        strictEqual(typeof itIs(input), 'boolean');
      if (isPublicId(input)) ok(mayBePublicId(input));
      if (isSecret(input)) ok(mayBeSecret(input));
      // The checksum of 32 bits lets none of so few changes pass.
      if (!known && (isPublicId(original) ? isPublicId(input) : isSecret(input))) {
        ok(input.slice(0, -6) !== original.slice(0, -6), 'a wrong checksum passed');
      }
    },
  },
  {
    name: 'identifier',
    inputs: [
      'c1abcdefghijklmnopqrstuvwxyz234567',
      't1abcdefghijklmnopqrstuvwxyz234567',
      'imported_Id-1',
      '4711',
    ],
    check(input) {
      const text = bytes(input).toString('utf8');
      for (const one of [input, text]) {
        const identifier = parseIdentifier(one);
        if (identifier !== undefined) ok(/^[\w-]{8,64}$/.test(identifier));
        const version = identifierKeyVersion(one as CustomerIdentifier);
        ok(Number.isInteger(version) && version >= 0);
        if (isTestIdentifier(one)) ok(identifier !== undefined && one.length === 34);
        if (isName(one)) ok(one === one.toLowerCase() && one.length <= 64);
        const reference = parseReference(one);
        if (reference === undefined) continue;
        strictEqual(parseReference(reference), reference);
        ok(Buffer.byteLength(reference) <= MAX_REFERENCE_BYTES);
        // What is sealed comes back as it was.
        strictEqual(Buffer.from(reference, 'utf8').toString('utf8'), reference);
      }
    },
  },
  {
    name: 'redirect-uri',
    inputs: REGISTERED,
    check(input, original) {
      for (const applicationType of ['web', 'native'] as const) {
        for (const loopbackForAll of [true, false]) {
          const problem = redirectUriProblem(input, { applicationType, loopbackForAll });
          ok(problem === undefined || problem.length > 10);
          if (problem === undefined) ok(!/[\s\\<>"`]/.test(input), 'odd characters passed');
        }
        const client = { applicationType, redirectUris: [original] };
        if (!isRegisteredRedirectUri(client, input) || input === original) continue;
        strictEqual(applicationType, 'native');
        const portless = (uri: string) => uri.replace(/^(http:\/\/127\.0\.0\.1)(:\d+)/, '$1');
        strictEqual(portless(input), portless(original), 'another address passed');
      }
    },
  },
  {
    name: 'body-json',
    inputs: [
      '{"fields":["plan"],"customer_auth":"JWT x"}',
      '{"a":{"b":[1,null,"\\u00fc"]}}',
      '{"a":1,"b":"x\\"y"}',
    ],
    check(input) {
      const parsed = refusedOr(() => parseFields(bytes(input), 'json'));
      deepStrictEqual(Object.keys(Object.prototype), []);
      if (!parsed) return;
      const text = bytes(input).toString('utf8');
      strictEqual(JSON.stringify(parsed), JSON.stringify(JSON.parse(text)));
      strictEqual(repeatsMember(text, parsed), false);
    },
  },
  {
    name: 'body-form',
    inputs: [
      'grant_type=client_credentials&scope=profile%3Aread',
      'username=mira&password=a+b%26c&channel=ios',
    ],
    check(input) {
      const parsed = refusedOr(() => parseFields(bytes(input), 'form'));
      deepStrictEqual(Object.keys(Object.prototype), []);
      for (const [name, value] of Object.entries(parsed ?? {})) {
        strictEqual(typeof value, 'string');
        ok(!/[[\]]/.test(name));
      }
    },
  },
  {
    name: 'channel-input',
    inputs: ['{"nonce":"abc-123"}', '{"nonce":"abc-123","visitor":"v1"}'],
    check(input) {
      let given: unknown;
      try {
        given = JSON.parse(bytes(input).toString('utf8'));
      } catch {
        return;
      }
      if (typeof given !== 'object' || given === null || Array.isArray(given)) return;
      const rules = {
        nonce: { required: true, pattern: /[a-z0-9-]{1,20}/, meaning: '' },
        visitor: { required: false, pattern: /[a-z0-9]{1,20}/, meaning: '' },
      };
      const checked = refusedOr(() => checkInputs({ inputs: rules }, given as Record<string, unknown>));
      for (const [name, value] of Object.entries(checked ?? {})) {
        ok(Object.hasOwn(rules, name) && /^[a-z0-9-]{1,20}$/.test(value));
      }
    },
  },
  {
    name: 'address',
    inputs: ['192.0.2.0/24', '2001:db8::/32', '::ffff:192.0.2.1', '10.0.0.1', 'fe80::1'],
    check(input, original) {
      callerNetwork(input);
      const allows = createAddressList([input]);
      if (!isAddressRange(input))
        strictEqual(allows('192.0.2.1'), false, 'a malformed range allowed somebody');
      strictEqual(createAddressList([original])('nonsense'), false);
    },
  },
  {
    name: 'config',
    inputs: [
      'public_url: http://localhost:8080\nlisten: { port: 8080 }\n',
      'public_url: https://id.example.com\nbehind_tls_proxy: true\nchannels:\n  - id: web\n    group: north\n',
      'public_url: http://localhost\nkeys:\n  encryption_keys: ["${KEY}"]\n&a *a !!binary |\n',
    ],
    check(input) {
      // Nothing but a refusal with problems passes here.
      const { problems } = problemsOf(() => loadText(bytes(input).toString('utf8')));
      ok(problems.every(({ problem, fix }) => problem !== '' && fix !== ''));
      deepStrictEqual(Object.keys(Object.prototype), []);
    },
  },
];

/** Every parser and verifier that reads what a caller or a file says. */
export const targets: readonly Target[] = [tokenTarget(), v1Target(), v2Target(), ...plainTargets];
