import { z } from 'zod';
import type { Audit } from '../../audit/audit.ts';
import type { Keyring } from '../../keyring/keyring.ts';
import { SIGNING_RINGS } from '../../tokens/signing-key-types.ts';
import type { SigningRings } from '../../tokens/signing-rings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, listOf, timeSchema, timeText } from './admin-endpoint.ts';

const ringSchema = z.enum(SIGNING_RINGS);

const signingKeySchema = z
  .strictObject({
    kid: z.string(),
    ring: ringSchema,
    algorithm: z.enum(['ES256', 'EdDSA', 'RS256']),
    state: z.enum(['published', 'signing', 'retiring', 'gone']),
    published_at: timeSchema,
    signs_at: timeSchema,
    gone_at: timeSchema.nullable(),
  })
  .meta({ id: 'SigningKey' });

const rotateSchema = z
  .strictObject({
    ring: ringSchema,
    emergency: z.boolean().default(false).meta({
      description: 'The old keys stop at once; every token they signed is refused from now on.',
    }),
    signs_after_hours: z.int().min(1).max(8_760).optional().meta({
      description:
        'For keys that somebody has to bring to others first. Default: when every cache has seen it.',
    }),
  })
  .refine(({ emergency, signs_after_hours }) => !emergency || signs_after_hours === undefined, {
    message: 'nothing beside emergency: then the new key signs at once',
    path: ['signs_after_hours'],
  })
  .meta({ id: 'SigningKeyRotation' });

export interface KeyEndpointsDeps {
  rings: SigningRings;
  keyring: Keyring;
  audit: Audit;
  /** Called after the secrets that sign session cookies changed. */
  onSessionSecretRotated(): void;
}

/** Signing keys of the tokens, and the secrets that sign session cookies. */
export function keyEndpoints({
  rings,
  keyring,
  audit,
  onSessionSecretRotated,
}: KeyEndpointsDeps): Endpoint[] {
  return [
    adminEndpoint({
      method: 'get',
      path: '/admin/signing-keys',
      operationId: 'listSigningKeys',
      summary: 'List signing keys and their states',
      answer: listOf(signingKeySchema),
      run: () => ({
        items: rings.list().map((key) => ({
          kid: key.kid,
          ring: key.ring,
          algorithm: key.algorithm,
          state: key.state,
          published_at: timeText(key.publishedAtMs),
          signs_at: timeText(key.signsAtMs),
          gone_at: timeText(key.goneAtMs),
        })),
      }),
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/signing-keys/rotate',
      operationId: 'rotateSigningKey',
      summary: 'Publish a new signing key, which signs once every cache has seen it',
      body: rotateSchema,
      answer: z.strictObject({ kid: z.string(), ring: ringSchema }),
      run: async ({ body, by }) => ({
        ring: body.ring,
        kid: await rings.rotate(body.ring, {
          emergency: body.emergency,
          signsAfterMs: body.signs_after_hours === undefined ? undefined : body.signs_after_hours * 3_600_000,
          audit: (action, kid) =>
            audit.record(action === 'added' ? 'signing_key.added' : 'signing_key.revoked', {
              ...by,
              outcome: 'success',
              details: { ring: body.ring, kid },
            }),
        }),
      }),
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/session-secrets/rotate',
      operationId: 'rotateSessionSecret',
      summary: 'Sign new session cookies with a new secret; those signed with older ones stay valid',
      answer: z.strictObject({ version: z.int() }),
      run: async ({ by }) => {
        const version = await keyring.rotate('session-cookie', (made) =>
          audit.record('session_secret.rotated', { ...by, outcome: 'success', details: { version: made } }),
        );
        onSessionSecretRotated();
        return { version };
      },
    }),
  ];
}
