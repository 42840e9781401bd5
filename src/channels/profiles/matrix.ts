import { z } from 'zod';
import type { ChannelProfile } from '../channel-profile.ts';
import { read, unchecked, vendorSecret, vendorText } from '../vendor-words.ts';

export const matrix: ChannelProfile = {
  id: 'matrix',
  version: 1,
  vendor: 'Synapse',
  product: 'Matrix home server, sign-in by JWT',
  proof: {
    shape: 'shared_secret_jwt',
    algorithm: 'HS256',
    secretEncoding: 'utf8',
    header: { typ: { constant: 'JWT' } },
    claims: {
      sub: { from: 'identifier' },
      iss: { from: 'setting', name: 'issuer' },
      // An audience that Synapse does not expect makes it refuse the token.
      aud: { from: 'setting', name: 'audience' },
      iat: { from: 'issued_at' },
      exp: { from: 'expires_at' },
    },
    lifetime: { defaultSeconds: 120, maxSeconds: 900 },
    backdateSeconds: 30,
    maxTokenBytes: 4_096,
  },
  // 255 bytes are for `@localpart:server`; 200 leave room for the name of the server.
  identifier: { is: 'opaque', field: 'sub', maxLength: 200, pattern: /[a-z0-9._=/+-]+/ },
  attributes: {},
  inputs: {},
  settings: z.strictObject({
    secret: vendorSecret('the same as `jwt_config.secret` of Synapse', { minLength: 32 }),
    issuer: vendorText(
      'only if `jwt_config.issuer` is set, and then the same',
      'https://identity.example.com',
    ).optional(),
    audience: vendorText(
      'only if `jwt_config.audiences` is set: one of them',
      'matrix.example.com',
    ).optional(),
  }),
  web: {
    style: 'push',
    members: { type: { constant: 'org.matrix.login.jwt' }, token: { from: 'proof' } },
    snippet: `attach(symbolon, {
  async login() {
    const { web } = await symbolon.getProof({ single: true });
    const answer = await fetch('https://{your home server}/_matrix/client/v3/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(web),
    });
    openChat(await answer.json());
  },
  reset: () => closeChat(), // and /_matrix/client/v3/logout with its access token
});`,
    logoutOrder: ['`POST /_matrix/client/v3/logout` with the access token of the home server', 'bridge'],
  },
  docs: {
    consoleSteps: [
      read('In `homeserver.yaml` set `jwt_config`: `enabled: true`, `secret`, `algorithm: HS256`.'),
      read('Make the secret with `openssl rand -hex 32`.'),
      unchecked('Restart Synapse. `GET /_matrix/client/v3/login` then lists `org.matrix.login.jwt`.'),
    ],
    enforcement: unchecked(
      'Turn off the other ways in (`password_config.enabled: false`, no registration), if nobody else may sign in.',
    ),
    customerSees: [
      read('The customer is `@identifier:server`, and the rooms are those of that user.'),
      read('The token is used once, to sign in. From then on the access token of the home server counts.'),
    ],
    contentSecurityPolicy: {},
    commonErrors: [
      {
        symptom: '403 `M_FORBIDDEN`',
        cause: 'Wrong secret, the token is over, or `aud` is sent and not configured there (or the reverse).',
        mend: 'Leave `audience` out unless Synapse has one.',
        confidence: 'read',
      },
      {
        symptom: '404 `M_UNRECOGNIZED` from `/login`',
        cause: 'The server uses OAuth, not these sign-in types.',
        mend: 'Sign in through its provider instead, with this service as OpenID provider.',
        confidence: 'read',
      },
    ],
    mobile: [read('Ordinary clients do not know this way in; your own app calls `/login` itself.')],
    openQuestions: [
      'Sign-out of the bridge does not end the access token of the home server: end it there, or use an application service.',
    ],
    sources: ['github.com/matrix-org/synapse (docs/jwt)', 'github.com/matrix-org/matrix-spec'],
  },
};
