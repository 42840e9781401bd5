import type { AttributeRule, ChannelProfile, ProofShape } from '../src/channels/channel-profile.ts';

const seconds = (count: number): string =>
  count >= 3_600 && count % 3_600 === 0
    ? `${count / 3_600} h`
    : count % 60 === 0
      ? `${count / 60} min`
      : `${count} s`;

const PUBLISHED = {
  jwks: 'fetched from our key set',
  pem_url: 'fetched from our address as PEM',
  jwk_upload: 'uploaded by a person as JWK',
  pem_upload: 'uploaded by a person as PEM',
} as const;

const ENCODINGS = {
  utf8: 'the secret is used as the text it is',
  hex: 'the secret is hex and decoded first',
  base64: 'the secret is base64 and decoded first',
} as const;

/** The proof in a phrase. */
export function proofInWords(proof: ProofShape): string {
  switch (proof.shape) {
    case 'pass_through':
      return 'our customer token, passed through';
    case 'shared_secret_jwt':
      return `JWT, ${proof.algorithm}, under a shared secret`;
    case 'published_key_jwt':
      return `JWT, ${proof.algorithm}, under our published key`;
    case 'hmac':
      return 'HMAC-SHA-256 in hex';
    case 'fetched_token':
      return "token fetched from the vendor's API";
    case 'oidc_code':
      return 'OpenID Connect authorization code';
  }
}

/** Whose key the proof is made with, and how the vendor comes by it. */
export function keyInWords(proof: ProofShape): string {
  switch (proof.shape) {
    case 'shared_secret_jwt':
    case 'hmac':
      return `shared with the vendor; ${ENCODINGS[proof.secretEncoding]}`;
    case 'published_key_jwt':
      return `ours, replaced only by hand; the public half is ${PUBLISHED[proof.publish]}`;
    case 'pass_through':
      return 'ours; the vendor checks nothing and needs no key';
    case 'fetched_token':
      return 'none; an API token of the vendor stands in the connection';
    case 'oidc_code':
      return 'ID tokens under our published key; the vendor authenticates with a client secret';
  }
}

/** How long a proof is good. */
export function lifeInWords(proof: ProofShape): string {
  if (proof.shape === 'hmac') return 'never ends by itself; only a new secret ends it';
  if (proof.shape === 'oidc_code') return 'at most 60 s, good once';
  if (proof.shape === 'pass_through') return '`token_lifetime_seconds` of the channel, 15 min by default';
  const { defaultSeconds, maxSeconds } = proof.lifetime;
  const most =
    maxSeconds === defaultSeconds ? '' : `; \`proof_lifetime_seconds\` may say up to ${seconds(maxSeconds)}`;
  return `${seconds(defaultSeconds)}${most}`;
}

/** How the vendor gets the next proof. */
export const RENEWAL = {
  pull: 'the widget asks; the SDK answers from a kept proof that it renews in time',
  push: 'the SDK hands the widget a new one in time',
  settings: 'given once for each sign-in',
} as const;

/** Attributes that are personal data. */
export function personalAttributes(profile: ChannelProfile): [string, AttributeRule][] {
  return Object.entries(profile.attributes).filter(([, rule]) => rule.personal);
}

/** Which personal data the vendor is told. */
export function personalInWords(profile: ChannelProfile): string {
  const personal = personalAttributes(profile);
  if (personal.length === 0) return 'none leaves the house';
  const needed = personal.filter(([, rule]) => rule.required).map(([name]) => `\`${name}\``);
  const possible = personal.filter(([, rule]) => !rule.required).map(([name]) => `\`${name}\``);
  const parts = [
    ...(needed.length > 0 ? [`**cannot do without ${needed.join(', ')}**`] : []),
    ...(possible.length > 0 ? [`${possible.join(', ')} only if you allow it`] : []),
  ];
  return parts.join('; ');
}
