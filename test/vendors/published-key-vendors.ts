import { createPublicKey, X509Certificate } from 'node:crypto';
import { type GivenKey, type MockVendor, readPublicKeyJwt, refuse, textOf } from './vendor.ts';

const issuer = 'https://identity.example.com';

/** Salesforce takes one JWK at a time and wants these members of it. */
function uploadedJwk(key: GivenKey | undefined) {
  const { kty, kid, alg, x5c } = (key?.jwk ?? {}) as {
    kty?: string;
    kid?: string;
    alg?: string;
    x5c?: string[];
  };
  if (kty !== 'RSA' || kid === undefined || alg !== 'RS256' || !x5c?.[0]) return refuse('no such key');
  return { kid, key: new X509Certificate(Buffer.from(x5c[0], 'base64')).publicKey };
}

/** The key with which `jwt` says it was signed, as the service at `url` publishes it and a person uploads it. */
export async function readGivenKey(url: string, jwt: string): Promise<GivenKey> {
  const { kid = '' } = JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()) as {
    kid?: string;
  };
  const read = async (format: string) =>
    (await fetch(`${url}/.well-known/vendor-keys/${encodeURIComponent(kid)}.${format}`)).text();
  const [pem, jwk] = await Promise.all([read('pem'), read('jwk')]);
  return { kid, pem, jwk: JSON.parse(jwk) as GivenKey['jwk'] };
}

const salesforce: MockVendor = {
  id: 'salesforce',
  console: { issuer },
  admit({ web }, { now, key }) {
    if (web['identityTokenType'] !== 'JWT') refuse('identityTokenType');
    const uploaded = uploadedJwk(key);
    const { header, claims } = readPublicKeyJwt(web['identityToken'], uploaded.key, { now });
    if (header['kid'] !== uploaded.kid) refuse('the key is not known');
    if (claims['iss'] !== this.console['issuer'] || claims['exp'] === undefined) refuse('malformed token');
    return { customer: textOf(claims['sub'], 'sub'), told: {} };
  },
};

const liveperson: MockVendor = {
  id: 'liveperson-implicit',
  console: { issuer },
  admit({ token, web }, { now, key }) {
    // The connector holds the base64 body of the PEM alone.
    const body = (key?.pem ?? '').replaceAll(/-----[^-]+-----|\s/g, '');
    const publicKey = createPublicKey({ key: Buffer.from(body, 'base64'), format: 'der', type: 'spki' });
    const { claims } = readPublicKeyJwt(token, publicKey, { now });
    const { iss, sub, iat, exp, lp_sdes: attributes, ...others } = claims;
    if (iss !== this.console['issuer'] || iat === undefined || exp === undefined) refuse('claims');
    if (web['iss'] !== iss || web['sub'] !== sub || web['acr'] !== 'loa1') {
      refuse('the identity function says somebody else');
    }
    if (attributes !== undefined && !Array.isArray(attributes)) refuse('lp_sdes');
    return { customer: textOf(sub, 'sub'), told: others };
  },
};

/** Context variables of the workstream. */
const VARIABLES = new Set(['customer_id', 'customer_name', 'customer_email', 'segment']);

const dynamics365: MockVendor = {
  id: 'dynamics365',
  console: { issuer },
  admit({ token }, { now, key }) {
    const publicKey = createPublicKey(key?.pem ?? '');
    const { claims } = readPublicKeyJwt(token, publicKey, { now });
    const { iss, sub, exp, lwicontexts } = claims;
    if (iss !== this.console['issuer'] || exp === undefined) refuse('Authentication Setup Error');
    const contexts = JSON.parse(textOf(lwicontexts ?? '{}', 'lwicontexts')) as Record<string, unknown>;
    for (const [name, value] of Object.entries(contexts)) {
      if (!VARIABLES.has(name)) refuse(`no context variable ${name}`);
      if (typeof value === 'object') refuse(`${name} is no primitive value`);
    }
    const { customer_id: id, ...told } = contexts;
    if (id !== sub) refuse('context of somebody else');
    return { customer: textOf(sub, 'sub'), told };
  },
};

/** Vendors that check a JWT with a public key of the company. */
export const publishedKeyVendors: readonly MockVendor[] = [salesforce, liveperson, dynamics365];
