import { type MockVendor, type Parts, readSharedSecretJwt, refuse, textOf } from './vendor.ts';

const zendesk: MockVendor = {
  id: 'zendesk',
  console: { key_id: 'app_64b7f1e2c9', secret: 'GmY3vQnT8xKcW2pLr7ZsHd5J' },
  admit({ token }, { now }) {
    const { header, claims } = readSharedSecretJwt(token, this.console['secret'] as string, { now });
    if (header['typ'] !== 'JWT' || header['kid'] !== this.console['key_id']) refuse('invalid_auth: key');
    if (claims['scope'] !== 'user') refuse('invalid_auth: scope');
    const customer = textOf(claims['external_id'], 'external_id');
    if (!/^[A-Za-z0-9]{1,255}$/.test(customer)) refuse('invalid_auth: external_id');
    if (claims['email_verified'] !== undefined && typeof claims['email_verified'] !== 'boolean') {
      refuse('invalid_auth: email_verified');
    }
    const { name, email } = claims;
    return {
      customer,
      told: { ...(name === undefined ? {} : { name }), ...(email === undefined ? {} : { email }) },
    };
  },
};

const intercom: MockVendor = {
  id: 'intercom',
  console: { secret: 'QzVbN4mXc7LkJh2GfDs9PoIu' },
  admit({ web }, { now }) {
    const { claims } = readSharedSecretJwt(web['intercom_user_jwt'], this.console['secret'] as string, {
      now,
    });
    const { user_id: id, email, name } = claims;
    const told = { ...(name === undefined ? {} : { name }), ...(email === undefined ? {} : { email }) };
    return { customer: textOf(id, 'user_id'), told };
  },
};

const amazonConnect: MockVendor = {
  id: 'amazon-connect',
  console: {
    widget_id: '7c1d5a90-3e4b-4f2a-8d6c-1b2a3c4d5e6f',
    secret: 'bX9tR2kVq6ZpLm4YwNc8HsJd3FgT7uAe5iOo1QrSvWx=',
  },
  admit({ token }, { now }) {
    if (Buffer.byteLength(token) > 6_144) refuse('the token is too long', 400);
    const { header, claims } = readSharedSecretJwt(token, this.console['secret'] as string, { now });
    if (header['typ'] !== 'JWT') refuse('401: header');
    if (claims['sub'] !== this.console['widget_id']) refuse('no such widget', 404);
    const { iat, exp, attributes } = claims as { iat?: number; exp?: number; attributes?: object };
    if (iat === undefined || exp === undefined || exp - iat > 600) refuse('it may live for ten minutes');
    const told = (attributes ?? {}) as Record<string, unknown>;
    if (Object.values(told).some((value) => typeof value !== 'string')) refuse('chat failed to start', 400);
    const { customer_id: customer, ...others } = told;
    return { customer: textOf(customer, 'customer_id'), told: others };
  },
};

const twilio: MockVendor = {
  id: 'twilio',
  console: {
    account_sid: 'AC0f1e2d3c4b5a69788796a5b4c3d2e1f0',
    api_key_sid: 'SK0f1e2d3c4b5a69788796a5b4c3d2e1f0',
    service_sid: 'IS0f1e2d3c4b5a69788796a5b4c3d2e1f0',
    secret: 'vT5yB8nM2kQ7wE4rZ9xC6aS3dF1gH0jL',
  },
  admit({ token }, { now }) {
    const { header, claims } = readSharedSecretJwt(token, this.console['secret'] as string, { now });
    if (header['typ'] !== 'JWT' || header['cty'] !== 'twilio-fpa;v=1')
      refuse('20101: Invalid Access Token header');
    const { iss, sub, jti, exp, grants } = claims;
    if (iss !== this.console['api_key_sid'] || sub !== this.console['account_sid']) refuse('20103: issuer');
    if (typeof jti !== 'string' || !new RegExp(`^${String(iss)}-\\d{10}$`).test(jti)) refuse('20102: jti');
    if (typeof exp !== 'number' || exp - now > 86_400) refuse('20157: expiry out of range');
    const { identity, chat } = grants as { identity?: string; chat?: { service_sid?: string } };
    if (chat?.service_sid !== this.console['service_sid']) refuse('20106: service');
    return { customer: textOf(identity, 'identity'), told: {} };
  },
};

const stream: MockVendor = {
  id: 'stream',
  console: { secret: 'k2vw8ne6tdx5ru49gbz7fhq3mcy1sajp' },
  admit({ token, web }, { now }) {
    const { claims } = readSharedSecretJwt(token, this.console['secret'] as string, { now });
    if (claims['user_id'] !== web['id']) refuse('error 5: user_id of the token is not the user');
    return { customer: textOf(claims['user_id'], 'user_id'), told: {} };
  },
};

const kustomer: MockVendor = {
  id: 'kustomer',
  console: { secret: 'hY7gT3fR9dE5sW1aQ8zX4cV6' },
  admit({ web }, { now }) {
    const { claims } = readSharedSecretJwt(web['jwtToken'], this.console['secret'] as string, { now });
    const { iat, externalId, email } = claims;
    if (typeof iat !== 'number' || now - iat > 900) refuse('invalidJwt: iat');
    // Where both are given the mail address wins.
    return {
      customer: textOf(email ?? externalId, 'externalId'),
      told: email === undefined ? {} : { email },
    };
  },
};

const freshchat: MockVendor = {
  id: 'freshchat',
  console: { secret: 'pL9oK2iJ7uH4yG1tF6rD8eS5' },
  admit({ web, inputs }, { now }) {
    const { claims } = readSharedSecretJwt(web['jwt'], this.console['secret'] as string, { now });
    const { reference_id: id, freshchat_uuid: uuid, ...others } = claims;
    if (uuid !== inputs?.['freshchat_uuid']) refuse('TOKEN_INVALID: freshchat_uuid');
    const told = Object.fromEntries(
      Object.entries(others).filter(([name]) => name !== 'iat' && name !== 'exp'),
    );
    return { customer: textOf(id, 'reference_id'), told };
  },
};

const drift: MockVendor = {
  id: 'drift',
  console: { secret: 'mN4bV8cX2zL6kJ9hG3fD7sA1' },
  admit({ web }, { now }) {
    const { claims } = readSharedSecretJwt(web['userJwt'], this.console['secret'] as string, { now });
    // REQUIRED: nobody falls back to the unsigned identity.
    if (claims['sub'] !== web['userId']) refuse('identity refused');
    return { customer: textOf(claims['sub'], 'sub'), told: {} };
  },
};

const botpress: MockVendor = {
  id: 'botpress',
  console: { secret: '4f6a1c9e8b2d7053f1a4c6e9b8d27350' },
  admit({ web }, { now }) {
    const { claims } = readSharedSecretJwt(web['x-user-key'], this.console['secret'] as string, { now });
    const { id } = claims;
    return { customer: typeof id === 'string' && id !== '' ? id : refuse('Invalid user key'), told: {} };
  },
};

const SERVER = 'matrix.example.com';

function matrixTimes({ claims }: Parts): void {
  if (claims['aud'] !== undefined) refuse('M_FORBIDDEN: aud is not configured', 403);
}

const matrix: MockVendor = {
  id: 'matrix',
  console: { secret: '9d3b7f1e5c8a2046b7d9e1f3a5c80264' },
  admit({ web }, { now }) {
    if (web['type'] !== 'org.matrix.login.jwt') refuse('M_UNKNOWN: login type', 400);
    const parts = readSharedSecretJwt(web['token'], this.console['secret'] as string, { now });
    matrixTimes(parts);
    const localpart = textOf(parts.claims['sub'], 'sub');
    const userId = `@${localpart}:${SERVER}`;
    if (!/^[a-z0-9._=/+-]+$/.test(localpart) || Buffer.byteLength(userId) > 255) {
      refuse('M_INVALID_USERNAME', 403);
    }
    return { customer: localpart, told: {} };
  },
};

/** Vendors that check a JWT under a secret that they share with the company. */
export const jwtVendors: readonly MockVendor[] = [
  zendesk,
  intercom,
  amazonConnect,
  twilio,
  stream,
  kustomer,
  freshchat,
  drift,
  botpress,
  matrix,
];
