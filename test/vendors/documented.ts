/**
 * What each vendor documents, written from its pages and not from our records: the header and claims of a token, the
 * members of its widget call, its caps. The shared suite holds every record against it.
 */
import { z } from 'zod';

export interface Documented {
  /** Everything that the vendor may be told about the customer, besides the identifier. */
  attributes?: Readonly<Record<string, string | boolean>>;
  /** Names of those that are personal data. */
  personal?: readonly string[];
  /** The vendor cannot do without these. */
  needs?: readonly string[];
  inputs?: Readonly<Record<string, string>>;
  header?: z.ZodType;
  claims?: z.ZodType;
  web: z.ZodType;
  /** Longest time from `iat`, or from now, to `exp`; `undefined` where none is documented. */
  capSeconds?: number;
  maxTokenBytes?: number;
  /** The secret is shown as hex and decoded before use. */
  hexSecret?: boolean;
  /** By what the vendor knows the customer. Default: the identifier. */
  knownBy?: 'email';
}

const identifier = z.string().regex(/^c[1-9a-z][a-z2-7]{32}$/);
const time = z.int().min(1_500_000_000).max(4_102_444_800);
const text = z.string().min(1);
const jwt = z.string().regex(/^[\w-]+\.[\w-]+\.[\w-]+$/);
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const email = z.email();
const hs256 = z.strictObject({ alg: z.literal('HS256'), typ: z.literal('JWT') });
const rs256 = z.strictObject({ alg: z.literal('RS256'), typ: z.literal('JWT'), kid: text });

const person = { email: 'mira@example.com', name: 'Mira Adler' };
const mail = {
  attributes: { email: person.email },
  personal: ['email'],
  needs: ['email'],
  knownBy: 'email',
} as const;

export const documented: Readonly<Record<string, Documented>> = {
  asapp: {
    // Its REST interface takes the same; the web SDK spells the members with capitals.
    web: z.strictObject({ CustomerId: identifier, Auth: z.strictObject({ Token: jwt }) }),
  },
  zendesk: {
    attributes: { ...person, email_verified: true },
    personal: ['name', 'email'],
    header: z.strictObject({
      alg: z.literal('HS256'),
      typ: z.literal('JWT'),
      kid: z.string().regex(/^app_/),
    }),
    claims: z.strictObject({
      scope: z.literal('user'),
      external_id: identifier,
      name: text.optional(),
      email: email.optional(),
      email_verified: z.boolean().optional(),
      exp: time,
    }),
    web: z.strictObject({}),
  },
  intercom: {
    attributes: person,
    personal: ['name', 'email'],
    header: hs256,
    claims: z.strictObject({
      user_id: identifier,
      email: email.optional(),
      name: text.optional(),
      exp: time,
    }),
    web: z.strictObject({ intercom_user_jwt: jwt }),
  },
  'intercom-hmac': { web: z.strictObject({ user_id: identifier, user_hash: hex }) },
  salesforce: {
    header: rs256,
    claims: z.strictObject({ iss: text, sub: identifier, iat: time, exp: time }),
    web: z.strictObject({ identityTokenType: z.literal('JWT'), identityToken: jwt }),
  },
  'liveperson-implicit': {
    attributes: { preferred_username: person.name, email: person.email, phone_number: '+49 30 901820' },
    personal: ['preferred_username', 'email', 'phone_number'],
    header: rs256,
    claims: z.strictObject({
      iss: text,
      sub: identifier,
      iat: time,
      exp: time,
      preferred_username: text.optional(),
      email: email.optional(),
      phone_number: text.optional(),
      lp_sdes: z.array(
        z.strictObject({ type: z.literal('ctmrinfo'), info: z.strictObject({ customerId: identifier }) }),
      ),
    }),
    web: z.strictObject({ iss: text, acr: z.literal('loa1'), sub: identifier }),
  },
  'liveperson-code': {
    web: z.strictObject({
      iss: text,
      acr: z.literal('loa1'),
      sub: identifier,
      ssoKey: text,
      redirect_uri: z.url(),
    }),
    capSeconds: 60,
  },
  'liveperson-pkce': {
    inputs: { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM' },
    web: z.strictObject({
      iss: text,
      acr: z.literal('loa1'),
      sub: identifier,
      ssoKey: text,
      redirect_uri: z.url(),
    }),
    capSeconds: 60,
  },
  genesys: {
    web: z.strictObject({ authCode: text, redirectUri: z.url(), codeVerifier: text, nonce: text.optional() }),
    capSeconds: 60,
  },
  'amazon-connect': {
    attributes: { customer_name: person.name, customer_email: person.email, segment: 'business' },
    personal: ['customer_name', 'customer_email'],
    header: hs256,
    claims: z.strictObject({
      sub: z.uuid(),
      iat: time,
      exp: time,
      attributes: z.record(z.string(), z.string()).and(z.looseObject({ customer_id: identifier })),
    }),
    web: z.strictObject({}),
    capSeconds: 600,
    maxTokenBytes: 6_144,
  },
  dynamics365: {
    attributes: { customer_name: person.name, customer_email: person.email, segment: 'business' },
    personal: ['customer_name', 'customer_email'],
    header: rs256,
    claims: z.strictObject({
      iss: text,
      sub: identifier,
      iat: time,
      exp: time,
      lwicontexts: z.string().startsWith('{'),
    }),
    web: z.strictObject({}),
  },
  twilio: {
    header: z.strictObject({
      alg: z.literal('HS256'),
      typ: z.literal('JWT'),
      cty: z.literal('twilio-fpa;v=1'),
      twr: text.optional(),
    }),
    claims: z.strictObject({
      jti: z.string().regex(/^SK[0-9a-f]{32}-\d{10}$/),
      iss: z.string().regex(/^SK[0-9a-f]{32}$/),
      sub: z.string().regex(/^AC[0-9a-f]{32}$/),
      exp: time,
      grants: z.strictObject({
        identity: identifier,
        chat: z.strictObject({ service_sid: z.string().regex(/^IS[0-9a-f]{32}$/) }),
      }),
    }),
    web: z.strictObject({ identity: identifier }),
    capSeconds: 86_400,
  },
  stream: {
    header: hs256,
    claims: z.strictObject({ user_id: identifier, iat: time, exp: time }),
    web: z.strictObject({ id: identifier }),
  },
  sendbird: { web: z.strictObject({ userId: identifier }) },
  kustomer: {
    header: hs256,
    claims: z.strictObject({ externalId: identifier, iat: time, exp: time }),
    web: z.strictObject({ jwtToken: jwt, externalId: identifier }),
    capSeconds: 900,
  },
  freshchat: {
    attributes: { first_name: 'Mira', last_name: 'Adler', email: person.email },
    personal: ['first_name', 'last_name', 'email'],
    inputs: { freshchat_uuid: '5a3f2c1e-7b6d-4e8f-9a0b-1c2d3e4f5a6b' },
    header: hs256,
    claims: z.strictObject({
      reference_id: identifier,
      freshchat_uuid: text,
      first_name: text.optional(),
      last_name: text.optional(),
      email: email.optional(),
      iat: time,
      exp: time,
    }),
    web: z.strictObject({ externalId: identifier, jwt }),
  },
  drift: {
    header: hs256,
    claims: z.strictObject({ sub: identifier, exp: time }),
    web: z.strictObject({ userId: identifier, userJwt: jwt }),
  },
  hubspot: {
    attributes: { email: person.email, first_name: 'Mira', last_name: 'Adler' },
    personal: ['email', 'first_name', 'last_name'],
    needs: ['email'],
    knownBy: 'email',
    web: z.strictObject({ identificationEmail: email, identificationToken: text }),
    capSeconds: 43_200,
  },
  crisp: { ...mail, web: z.strictObject({ email, signature: hex }) },
  chatwoot: {
    attributes: person,
    personal: ['name', 'email'],
    web: z.strictObject({
      identifier,
      identifier_hash: hex,
      name: text.optional(),
      email: email.optional(),
    }),
  },
  front: {
    ...mail,
    attributes: person,
    personal: ['name', 'email'],
    web: z.strictObject({ email, userHash: hex, name: text.optional() }),
  },
  'help-scout': {
    ...mail,
    attributes: person,
    personal: ['name', 'email'],
    web: z.strictObject({ email, signature: hex, name: text.optional() }),
  },
  botpress: {
    header: hs256,
    claims: z.strictObject({ id: identifier, exp: time }),
    web: z.strictObject({ 'x-user-key': jwt }),
  },
  matrix: {
    header: hs256,
    claims: z.strictObject({
      sub: identifier,
      iat: time,
      exp: time,
      iss: text.optional(),
      aud: text.optional(),
    }),
    web: z.strictObject({ type: z.literal('org.matrix.login.jwt'), token: jwt }),
  },
  pylon: {
    ...mail,
    hexSecret: true,
    attributes: person,
    personal: ['name', 'email'],
    web: z.strictObject({ email, email_hash: hex, name: text.optional() }),
  },
  plain: {
    ...mail,
    attributes: { email: person.email, full_name: person.name },
    personal: ['email', 'full_name'],
    web: z.strictObject({ email, emailHash: hex, fullName: text.optional() }),
  },
  gainsight: { web: z.strictObject({ id: identifier, userHash: hex }) },
  novu: { web: z.strictObject({ subscriberId: identifier, subscriberHash: hex }) },
};
