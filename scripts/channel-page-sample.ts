import type { ChannelProfile, JsonValue } from '../src/channels/channel-profile.ts';
import { evaluateMembers, type ValueFacts } from '../src/channels/evaluate-value.ts';
import { settingsOf } from './channel-page-yaml.ts';

const NOW = Date.UTC(2026, 0, 15, 9) / 1000;
const IDENTIFIER = 'c1mz4jq7yksd2vbx6ohaf3ewntl5gcprui';

const VALUES: Record<string, JsonValue> = {
  email: 'mira@example.com',
  customer_email: 'mira@example.com',
  phone_number: '+49 30 901820',
  segment: 'business',
  first_name: 'Mira',
  last_name: 'Adler',
  email_verified: true,
};

function sampleFacts(profile: ChannelProfile): ValueFacts {
  const { proof } = profile;
  const life = 'lifetime' in proof ? proof.lifetime.defaultSeconds : 900;
  const settings = settingsOf(profile).filter(({ required }) => required);
  return {
    identifier: IDENTIFIER,
    attributes: Object.fromEntries(
      Object.entries(profile.attributes)
        .filter(([, rule]) => rule.required)
        .map(([name]) => [name, VALUES[name] ?? 'Mira Adler']),
    ),
    settings: Object.fromEntries(settings.map(({ name, example }) => [name, example ?? ''])),
    inputs: Object.fromEntries(Object.keys(profile.inputs).map((name) => [name, `{${name}}`])),
    issuedAt: NOW - ('backdateSeconds' in proof ? proof.backdateSeconds : 0),
    expiresAt: NOW + life,
    tokenId: 'Zk3x…',
    proof: proof.shape === 'hmac' ? '9f86d0…' : proof.shape === 'fetched_token' ? 'c3d1…' : 'eyJ…',
    code: {
      code: 'ac_…',
      redirect_uri: 'https://www.example.com/',
      code_verifier: proof.shape === 'oidc_code' && proof.codeChallenge === 'ours' ? '6fK2…' : undefined,
      issuer: 'https://identity.example.com',
    },
  };
}

const KINDS = {
  pass_through: 'jwt',
  shared_secret_jwt: 'jwt',
  published_key_jwt: 'jwt',
  hmac: 'hmac',
  fetched_token: 'opaque',
  oidc_code: 'opaque',
} as const;

/** What `POST /channels/{channel}/token` answers with the settings of the page, without optional attributes. */
export function sampleAnswer(profile: ChannelProfile): Record<string, JsonValue> {
  const { proof } = profile;
  const facts = sampleFacts(profile);
  const life = proof.shape === 'hmac' ? 3_600 : proof.shape === 'oidc_code' ? 60 : facts.expiresAt - NOW;
  return {
    channel: profile.id,
    kind: KINDS[proof.shape],
    token: proof.shape === 'oidc_code' ? 'ac_…' : (facts.proof ?? ''),
    expires_in: String(life),
    customer_id: IDENTIFIER,
    web: evaluateMembers(profile.web.members, facts),
  };
}

/** Header and claims of a token made with the settings of the page; `undefined` where no JWT is made for the vendor. */
export function sampleToken(profile: ChannelProfile): { header: JsonValue; claims: JsonValue } | undefined {
  const { proof } = profile;
  if (proof.shape !== 'shared_secret_jwt' && proof.shape !== 'published_key_jwt') return undefined;
  const facts = sampleFacts(profile);
  return {
    header: {
      alg: proof.algorithm,
      ...evaluateMembers(proof.header, facts),
      ...(proof.shape === 'published_key_jwt' && { kid: 'vX0c…' }),
    },
    claims: evaluateMembers(proof.claims, facts),
  };
}
