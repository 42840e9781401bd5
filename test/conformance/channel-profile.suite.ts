import { execFileSync } from 'node:child_process';
import { check, jsonValue, property, uint8Array } from 'fast-check';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JWK,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { describe, expect, it } from 'vitest';
import type { ChannelProfile, JsonValue } from '../../src/channels/channel-profile.ts';
import { checkAttributes, checkIdentifier, checkInputs } from '../../src/channels/channel-proof.ts';
import type { ProofForPage } from '../../src/channels/mint-registry.ts';
import { BridgeError } from '../../src/errors.ts';
import { base32 } from '../../src/platform/encoding.ts';
import { CUSTOMER } from '../rooms/channels/minting.ts';
import type { Documented } from '../vendors/documented.ts';
import { type GivenKey, type MockVendor, type Visitor, VendorRefused } from '../vendors/vendor.ts';

/** One record with its vendor, and a way to make proofs by it. */
export interface ProfileFixture {
  profile: ChannelProfile;
  documented: Documented;
  /** Text of the secret, as the vendor's console shows it; empty where there is none. */
  secret: string;
  /** The vendor itself, for shapes whose proofs can be checked without a call. */
  vendor: MockVendor | undefined;
  /** Our public key, as the vendor was given it. */
  key(): GivenKey;
  nowMs(): number;
  mint(wanted: {
    attributes?: Record<string, JsonValue>;
    inputs?: Record<string, string>;
    lifetimeSeconds?: number;
  }): Promise<ProofForPage>;
}

/** Proofs of one record, made as the token endpoint makes them, and the vendor's view of them. */
function openProofs({ profile, documented, vendor, key, nowMs, mint }: ProfileFixture) {
  const personal = documented.personal ?? [];
  const all: Readonly<Record<string, JsonValue>> = documented.attributes ?? {};
  const inputs = checkInputs(profile, documented.inputs ?? {});
  const seconds = () => Math.floor(nowMs() / 1000);
  const admit = ({ token, web }: ProofForPage, now = seconds()): Visitor | undefined =>
    vendor?.admit({ token, web, inputs }, { now, key: key() });
  return {
    all,
    personal,
    seconds,
    /** What the vendor knows the customer by. */
    knownAs: documented.knownBy === 'email' ? String(documented.attributes?.['email']) : CUSTOMER,
    async make(
      given: Readonly<Record<string, unknown>>,
      allowed: readonly string[],
      lifetimeSeconds?: number,
    ) {
      const { attributes } = checkAttributes({ profile, allowedPersonalData: new Set(allowed) }, given);
      return mint({ attributes, inputs, ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds }) });
    },
    admit,
    /** The vendor's words, or `undefined` when it lets the visitor in. */
    refusal(minted: ProofForPage, now = seconds()): string | undefined {
      try {
        admit(minted, now);
        return undefined;
      } catch (error) {
        if (error instanceof VendorRefused) return error.message;
        throw error;
      }
    },
    /** The same proof with another token, wherever the page would hand it over. */
    withToken(minted: ProofForPage, token: string): ProofForPage {
      const web = JSON.parse(
        JSON.stringify(minted.web).replaceAll(minted.token, token),
      ) as ProofForPage['web'];
      return { ...minted, token, web };
    },
  };
}

type Proofs = ReturnType<typeof openProofs>;
type JwtShape = Extract<ChannelProfile['proof'], { claims: unknown }>;

const jwtShape = (proof: ChannelProfile['proof']): JwtShape | undefined =>
  'claims' in proof ? proof : undefined;
const readable = (proof: ChannelProfile['proof'], { token, web }: ProofForPage): string =>
  JSON.stringify([web, jwtShape(proof) ? decodeJwt(token) : '']);
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What is promised of every channel profile. */
export function channelProfileSuite(fixture: ProfileFixture): void {
  const { profile } = fixture;
  const proofs = openProofs(fixture);
  const jwt = jwtShape(profile.proof);
  describe(`channel profile ${profile.id}`, () => {
    contents(fixture, proofs);
    attributes(fixture, proofs);
    if (profile.proof.shape !== 'fetched_token') everythingTold(fixture, proofs);
    if (jwt) {
      tokens(fixture, proofs, jwt);
      limits(fixture, proofs, jwt);
    }
    if (profile.proof.shape === 'hmac') hashes(fixture, proofs);
  });
}

function contents(
  { profile, documented, vendor }: ProfileFixture,
  { all, personal, make, ...proofs }: Proofs,
) {
  it('makes what the vendor documents and no member more', async () => {
    const minted = await make(all, personal);
    expect(documented.web.safeParse(minted.web).error).toBeUndefined();
    expect(documented.claims !== undefined).toBe(jwtShape(profile.proof) !== undefined);
    expect(documented.header?.safeParse(decodeProtectedHeader(minted.token)).error).toBeUndefined();
    expect(documented.claims?.safeParse(decodeJwt(minted.token)).error).toBeUndefined();
  });

  it("never holds the company's own reference", async () => {
    expect(readable(profile.proof, await make(all, personal))).not.toMatch(/\b4711\b/);
  });

  it('knows the customer by the opaque identifier, or by mail address where nothing else is taken', () => {
    expect(profile.identifier.is).toBe(documented.knownBy ?? 'opaque');
    const derived = uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => `c1${base32(bytes)}`);
    const fits = property(derived, (identifier) => checkIdentifier(profile, identifier) === undefined);
    expect(check(fits).counterexample).toBeNull();
  });

  if (!vendor) return;
  it('is admitted by the vendor as that customer', async () => {
    expect(proofs.admit(await make(all, personal))?.customer).toBe(proofs.knownAs);
  });
}

function attributes({ profile, documented }: ProfileFixture, { all, personal, make }: Proofs) {
  const needs = documented.needs ?? [];

  it('lets no personal data out that the configuration does not name', async () => {
    const flagged = Object.keys(profile.attributes).filter((name) => profile.attributes[name]?.personal);
    expect(flagged.sort()).toEqual([...personal].sort());
    const out = readable(profile.proof, await make(all, needs));
    const kept = personal
      .filter((name) => !needs.includes(name))
      .map((name) => String(documented.attributes?.[name]));
    expect(kept.filter((value) => out.includes(value))).toEqual([]);
  });

  for (const name of needs) {
    it(`is not made without ${name}, or without leave to send it`, async () => {
      const refused = { code: 'CHANNEL_ATTRIBUTE_MISSING', details: { attribute: name } };
      await expect(make({ ...all, [name]: '' }, personal)).rejects.toMatchObject(refused);
      const others = personal.filter((one) => one !== name);
      await expect(make(all, others)).rejects.toMatchObject(refused);
    });
  }

  for (const [name, rule] of Object.entries(profile.attributes)) {
    it(`takes only ${rule.type} as ${name}`, () => {
      const allowedPersonalData = new Set(personal);
      const holds = property(jsonValue(), (value) => {
        try {
          const checked = checkAttributes({ profile, allowedPersonalData }, { ...all, [name]: value });
          return !Object.hasOwn(checked.attributes, name) || typeof checked.attributes[name] === rule.type;
        } catch (error) {
          return rule.required && error instanceof BridgeError && error.code.startsWith('CHANNEL_');
        }
      });
      expect(check(holds).counterexample).toBeNull();
    });
  }
}

/** What a fetched token stands for only the vendor can say; all others can be read. */
function everythingTold({ profile, documented }: ProfileFixture, { all, personal, make }: Proofs) {
  it('tells the vendor everything that it may be told', async () => {
    const out = readable(profile.proof, await make(all, personal));
    const values = Object.values(documented.attributes ?? {}).filter((value) => typeof value === 'string');
    expect(values.filter((value) => !out.includes(value))).toEqual([]);
  });
}

function tokens(
  fixture: ProfileFixture,
  { all, personal, make, ...proofs }: Proofs,
  { algorithm, shape }: JwtShape,
) {
  const { profile, secret, key, nowMs } = fixture;
  const isShared = shape === 'shared_secret_jwt';

  it('is verified by two other libraries', async () => {
    const { token } = await make(all, personal);
    const published = { ...(key().jwk as JWK), alg: algorithm };
    const options = { algorithms: [algorithm], currentDate: new Date(nowMs()) };
    const byJose: { payload: JWTPayload } = isShared
      ? await jwtVerify(token, Buffer.from(secret), options)
      : await jwtVerify(token, createLocalJWKSet({ keys: [published] }), options);
    const byJsonwebtoken = jsonwebtoken.verify(token, isShared ? secret : key().pem, {
      algorithms: [algorithm],
      clockTimestamp: proofs.seconds(),
    });
    expect(byJsonwebtoken).toEqual(byJose.payload);
  });

  it('is refused when it is altered, unsigned, or made with another key', async () => {
    const minted = await make(all, personal);
    const [header = '', claims = '', signature = ''] = minted.token.split('.');
    const other = { ...decodeJwt(minted.token), [profile.identifier.field]: `c1${'a'.repeat(32)}` };
    const attacks = [
      [header, encoded(other), signature],
      [encoded({ alg: 'none', typ: 'JWT' }), claims, 'AA'],
      [header, claims, Buffer.alloc(32).toString('base64url')],
      jsonwebtoken.sign(other, 'a secret that somebody made up').split('.'),
    ].map((parts) => proofs.withToken(minted, parts.join('.')));
    expect(proofs.refusal(minted)).toBeUndefined();
    expect(attacks.map((attack) => proofs.refusal(attack))).toEqual(
      attacks.map(() => expect.stringContaining('Invalid JWT') as string),
    );
  });

  it('is over when it says so, and not before', async () => {
    const minted = await make(all, personal);
    const { exp = 0 } = decodeJwt(minted.token);
    expect(exp - proofs.seconds()).toBe(minted.expiresInSeconds);
    expect(proofs.refusal(minted, exp - 1)).toBeUndefined();
    expect(proofs.refusal(minted, exp)).toContain('exp');
  });
}

function limits(
  { profile, documented }: ProfileFixture,
  { all, personal, make, ...proofs }: Proofs,
  shape: JwtShape,
) {
  const { lifetime, backdateSeconds } = shape;
  const cap = documented.capSeconds ?? lifetime.maxSeconds;

  it('is taken by a clock that runs behind: iat is back-dated, and there is no nbf', async () => {
    const minted = await make(all, personal);
    const earliest = proofs.seconds() - backdateSeconds;
    const { iat = earliest, nbf } = decodeJwt(minted.token);
    expect(nbf).toBeUndefined();
    expect(iat).toBe(earliest);
    expect(backdateSeconds).toBeGreaterThanOrEqual(5);
    expect(proofs.refusal(minted, earliest)).toBeUndefined();
  });

  it.each([30, lifetime.defaultSeconds, lifetime.maxSeconds, 86_400])(
    "asked for %i seconds, keeps to the vendor's caps in time and size",
    async (lifetimeSeconds) => {
      const longest = Object.entries(profile.attributes).map(([name, rule]) => [
        name,
        rule.type === 'string' ? '\u{1F642}'.repeat((rule.maxLength ?? 255) / 2) : all[name],
      ]);
      const { token } = await make(Object.fromEntries(longest), personal, lifetimeSeconds);
      const { iat = proofs.seconds(), exp = Number.POSITIVE_INFINITY } = decodeJwt(token);
      expect(exp - iat).toBeLessThanOrEqual(cap);
      expect(Buffer.byteLength(token)).toBeLessThanOrEqual(documented.maxTokenBytes ?? shape.maxTokenBytes);
    },
  );

  it('has a default life that the caps allow', () => {
    expect(lifetime.maxSeconds).toBeLessThanOrEqual(cap);
    expect(lifetime.defaultSeconds).toBeLessThanOrEqual(lifetime.maxSeconds);
  });
}

function hashes({ documented, secret, vendor }: ProfileFixture, { all, personal, make, ...proofs }: Proofs) {
  it('is what openssl computes over the same value', async () => {
    const { token } = await make(all, personal);
    const key = documented.hexSecret ? secret : Buffer.from(secret).toString('hex');
    const options = ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${key}`, '-r'];
    const line = execFileSync('openssl', options, { input: proofs.knownAs, encoding: 'utf8' });
    expect(line.split(' ')[0]).toBe(token);
  });

  it('is refused when it is altered, missing, or about somebody else', async () => {
    const minted = await make(all, personal);
    const altered = (change: (text: string) => string): ProofForPage => ({
      ...minted,
      web: JSON.parse(change(JSON.stringify(minted.web))) as ProofForPage['web'],
    });
    expect(vendor).toBeDefined();
    expect(proofs.refusal(minted)).toBeUndefined();
    expect(
      proofs.refusal(altered((text) => text.replace(proofs.knownAs, 'somebody@else.example'))),
    ).toContain('match');
    expect(proofs.refusal(altered((text) => text.replace(minted.token, '0'.repeat(64))))).toContain('match');
    expect(proofs.refusal(altered((text) => text.replace(minted.token, '')))).toContain('not hex');
  });
}
