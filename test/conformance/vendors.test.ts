import { createHmac, generateKeyPairSync } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { describe, expect, it } from 'vitest';
import { checkingVendors } from '../vendors/all-vendors.ts';
import type { Handed, MockVendor } from '../vendors/vendor.ts';

const NOW = 1_767_225_600;
const ID = 'c1mz4jq7yksd2vbx6ohaf3ewntl5gcprui';
const LATER = NOW + 300;

type Claims = Record<string, unknown>;

const vendorOf = (id: string) => checkingVendors.get(id) as MockVendor;
const shown = (id: string, name: string) => vendorOf(id).console[name] as string;

/** A token that nobody but the company could have signed: whatever is wrong with it, the signature is not. */
function signed(id: string, claims: Claims, header: Claims = {}): string {
  return jsonwebtoken.sign(claims, shown(id, 'secret'), {
    noTimestamp: claims['iat'] === undefined,
    header: { alg: 'HS256', typ: 'JWT', ...header },
  });
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const key = { kid: 'k1', pem, jwk: {} };
const signedByKey = (claims: Claims) => jsonwebtoken.sign(claims, rsa.privateKey, { algorithm: 'RS256' });

function admit(id: string, handed: Partial<Handed>): unknown {
  return vendorOf(id).admit({ token: '', web: {}, ...handed }, { now: NOW, key }).customer;
}

const zendesk = { scope: 'user', external_id: ID, exp: LATER };
const kid = { kid: shown('zendesk', 'key_id') };
const amazon = {
  sub: shown('amazon-connect', 'widget_id'),
  iat: NOW,
  exp: LATER,
  attributes: { customer_id: ID },
};
const twilio = {
  jti: `${shown('twilio', 'api_key_sid')}-${NOW}`,
  iss: shown('twilio', 'api_key_sid'),
  sub: shown('twilio', 'account_sid'),
  exp: LATER,
  grants: { identity: ID, chat: { service_sid: shown('twilio', 'service_sid') } },
};
const cty = { cty: 'twilio-fpa;v=1' };
const issuer = 'https://identity.example.com';
const person = { iss: issuer, sub: ID, iat: NOW, exp: LATER };
const livePerson = (change: Claims = {}): Partial<Handed> => ({
  token: signedByKey(person),
  web: { iss: issuer, acr: 'loa1', sub: ID, ...change },
});
const contexts = (value: unknown): Partial<Handed> => ({
  token: signedByKey({ ...person, lwicontexts: value }),
});

/** Vendor, what is wrong, what it is handed, what it says. */
const refusals: [string, string, Partial<Handed>, string][] = [
  [
    'zendesk',
    'a number for a name',
    { token: signed('zendesk', { ...zendesk, external_id: 4711 }, kid) },
    'external_id',
  ],
  ['zendesk', 'another key id', { token: signed('zendesk', zendesk, { kid: 'app_other' }) }, 'key'],
  ['zendesk', 'another scope', { token: signed('zendesk', { ...zendesk, scope: 'agent' }, kid) }, 'scope'],
  [
    'zendesk',
    'milliseconds',
    { token: signed('zendesk', { ...zendesk, exp: LATER * 1000 }, kid) },
    'milliseconds',
  ],
  ['intercom', 'no user', { web: { intercom_user_jwt: signed('intercom', { exp: LATER }) } }, 'user_id'],
  [
    'amazon-connect',
    'eleven minutes',
    { token: signed('amazon-connect', { ...amazon, exp: NOW + 660 }) },
    'ten minutes',
  ],
  [
    'amazon-connect',
    'a number as attribute',
    { token: signed('amazon-connect', { ...amazon, attributes: { customer_id: ID, age: 45 } }) },
    'failed to start',
  ],
  ['amazon-connect', 'another widget', { token: signed('amazon-connect', { ...amazon, sub: ID }) }, 'widget'],
  [
    'amazon-connect',
    'a token of 7 kB',
    { token: signed('amazon-connect', { ...amazon, attributes: { note: 'x'.repeat(5_000) } }) },
    'too long',
  ],
  ['twilio', 'no content type', { token: signed('twilio', twilio) }, '20101'],
  [
    'twilio',
    'a token id of another form',
    { token: signed('twilio', { ...twilio, jti: 'x' }, cty) },
    '20102',
  ],
  ['twilio', 'two days', { token: signed('twilio', { ...twilio, exp: NOW + 172_800 }, cty) }, '20157'],
  [
    'twilio',
    'another service',
    { token: signed('twilio', { ...twilio, grants: { identity: ID, chat: {} } }, cty) },
    '20106',
  ],
  [
    'stream',
    'another user',
    { token: signed('stream', { user_id: ID }), web: { id: 'c1other' } },
    'not the user',
  ],
  [
    'stream',
    'a clock ahead',
    { token: signed('stream', { user_id: ID, iat: NOW + 2 }), web: { id: ID } },
    'before issue',
  ],
  [
    'kustomer',
    'a kept token',
    { web: { jwtToken: signed('kustomer', { externalId: ID, iat: NOW - 901 }) } },
    'iat',
  ],
  [
    'freshchat',
    'another device',
    {
      web: { jwt: signed('freshchat', { reference_id: ID, freshchat_uuid: 'a' }) },
      inputs: { freshchat_uuid: 'b' },
    },
    'freshchat_uuid',
  ],
  [
    'drift',
    'another user',
    { web: { userId: 'c1other', userJwt: signed('drift', { sub: ID }) } },
    'identity refused',
  ],
  ['botpress', 'no id', { web: { 'x-user-key': signed('botpress', {}) } }, 'Invalid user key'],
  [
    'matrix',
    'an audience',
    { web: { type: 'org.matrix.login.jwt', token: signed('matrix', { sub: ID, aud: 'x' }) } },
    'M_FORBIDDEN',
  ],
  [
    'matrix',
    'capital letters',
    { web: { type: 'org.matrix.login.jwt', token: signed('matrix', { sub: 'Mira' }) } },
    'M_INVALID_USERNAME',
  ],
  [
    'matrix',
    'too soon',
    { web: { type: 'org.matrix.login.jwt', token: signed('matrix', { sub: ID, nbf: NOW + 1 }) } },
    'nbf',
  ],
  ['liveperson-implicit', 'another identity', livePerson({ sub: 'c1other' }), 'somebody else'],
  ['liveperson-implicit', 'another assurance', livePerson({ acr: 'loa0' }), 'somebody else'],
  ['dynamics365', 'an unknown context', contexts('{"plan":"gold"}'), 'context variable'],
  ['dynamics365', 'a context within', contexts('{"segment":{"a":1}}'), 'primitive'],
  ['dynamics365', 'no text', contexts({ segment: 'a' }), 'lwicontexts'],
  [
    'salesforce',
    'a key without certificate',
    { web: { identityTokenType: 'JWT', identityToken: signedByKey(person) } },
    'no such key',
  ],
];

describe('the vendors that the suite stands on', () => {
  it('admit what is right', () => {
    expect(admit('zendesk', { token: signed('zendesk', zendesk, kid) })).toBe(ID);
    expect(admit('amazon-connect', { token: signed('amazon-connect', amazon) })).toBe(ID);
    expect(admit('twilio', { token: signed('twilio', twilio, cty) })).toBe(ID);
    expect(admit('liveperson-implicit', livePerson())).toBe(ID);
    expect(admit('dynamics365', contexts(`{"customer_id":"${ID}"}`))).toBe(ID);
  });

  it.each(refusals)('%s refuses %s, though its signature is right', (id, _what, handed, words) => {
    expect(() => admit(id, handed)).toThrow(words);
  });

  it('kustomer knows whoever has a mail address by that, as documented', () => {
    const both = signed('kustomer', { externalId: ID, email: 'mira@example.com', iat: NOW });
    expect(admit('kustomer', { web: { jwtToken: both } })).toBe('mira@example.com');
  });

  it('pylon decodes its secret first; a hash made with its text is refused', () => {
    const email = 'mira@example.com';
    const hashes = [shown('pylon', 'secret'), Buffer.from(shown('pylon', 'secret'), 'hex')].map((secret) =>
      createHmac('sha256', secret).update(email).digest('hex'),
    );
    expect(() => admit('pylon', { web: { email, email_hash: hashes[0] } })).toThrow('does not match');
    expect(admit('pylon', { web: { email, email_hash: hashes[1] } })).toBe(email);
  });
});
