import { z } from 'zod';
import {
  countFindings,
  CREDENTIAL_FINDINGS,
  CREDENTIAL_KINDS,
  type CredentialLine,
} from '../../api-keys/credential-report.ts';
import type { KeyRotation } from '../../api-keys/rotation.ts';
import type { ClientRotation } from '../../clients/rotation.ts';
import type { Clock } from '../../platform/clock.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, reasonSchema, timeSchema, timeText } from './admin-endpoint.ts';

const keyPath = z.strictObject({ key_id: z.string().min(1).max(64) });
const clientPath = z.strictObject({ client_id: z.string().min(1).max(64) });
const secretIdSchema = z.string().min(1).max(64).meta({ description: 'Names a secret; opens nothing.' });

const plan = {
  grace_seconds: z.int().min(0).max(7_776_000).optional().meta({
    description:
      'How long the old secret lives on after the new one is first used. Default 604800: seven days.',
  }),
  latest_end: timeSchema.optional().meta({
    description: 'When the old secret ends at the latest. Default: in thirty days.',
  }),
};
const rotateKeySchema = z
  .strictObject({
    ...plan,
    expires_at: timeSchema.nullable().optional().meta({
      description:
        'New end of the key, null for none. Default: as long from now as its youngest secret was given.',
    }),
  })
  .meta({ id: 'ApiKeyRotation', examples: [{}, { grace_seconds: 86_400 }] });
const rotateClientSchema = z
  .strictObject(plan)
  .meta({ id: 'ClientSecretRotation', examples: [{}, { grace_seconds: 86_400 }] });

const replacedSchema = z.array(
  z.strictObject({
    secret_id: secretIdSchema,
    grace_seconds: z.number(),
    latest_end: timeSchema.meta({ description: 'Its end, used or not; the grace may end it sooner.' }),
  }),
);
const onceSchema = z.string().meta({ description: 'Shown here and never again.' });

const rotatedKeySchema = z
  .strictObject({
    key_id: z.string(),
    public_prefix: z.string(),
    expires_at: timeSchema.nullable(),
    secret_id: secretIdSchema,
    secret: onceSchema,
    replaced: replacedSchema,
  })
  .meta({ id: 'ApiKeyRotated' });
const rotatedClientSchema = z
  .strictObject({
    client_id: z.string(),
    secret_id: secretIdSchema,
    client_secret: onceSchema,
    replaced: replacedSchema,
  })
  .meta({ id: 'ClientSecretRotated' });

const compromisedSchema = z
  .strictObject({
    secret_id: secretIdSchema
      .optional()
      .meta({ description: 'The secret that leaked. Default: all of them.' }),
    reason: reasonSchema.optional(),
  })
  .meta({ id: 'SecretCompromised', examples: [{ reason: 'found in a public repository' }] });
const successor = {
  ended: z.array(secretIdSchema),
  secret_id: secretIdSchema.nullable().meta({ description: 'null when another secret still lives.' }),
};

const lineSchema = z
  .strictObject({
    kind: z.enum(CREDENTIAL_KINDS),
    id: z.string().meta({ description: 'Key id, client id or kid.' }),
    secret_id: secretIdSchema.nullable(),
    partner: nameSetting.nullable(),
    label: z.string().nullable().meta({ description: 'Of a signing key: its ring.' }),
    public_prefix: z.string().nullable(),
    created_at: timeSchema,
    expires_at: timeSchema.nullable(),
    last_used_at: timeSchema.nullable(),
    replaced_at: timeSchema.nullable().meta({ description: 'When its successor was made.' }),
    findings: z.array(z.enum(CREDENTIAL_FINDINGS)),
  })
  .meta({ id: 'CredentialLine' });

const reportSchema = z
  .strictObject({
    generated_at: timeSchema,
    counts: z.array(
      z.strictObject({
        kind: z.enum(CREDENTIAL_KINDS),
        finding: z.enum(CREDENTIAL_FINDINGS),
        count: z.int(),
      }),
    ),
    items: z.array(lineSchema),
  })
  .meta({ id: 'CredentialReport' });

/** A line of the credential report as the admin API and the webhook write it. */
export function showCredentialLine(line: CredentialLine): z.output<typeof lineSchema> {
  return {
    kind: line.kind,
    id: line.id,
    secret_id: line.secretId ?? null,
    partner: line.partner ?? null,
    label: line.label ?? null,
    public_prefix: line.publicPrefix ?? null,
    created_at: timeText(line.createdAtMs),
    expires_at: timeText(line.expiresAtMs),
    last_used_at: timeText(line.lastUsedAtMs),
    replaced_at: timeText(line.replacedAtMs),
    findings: line.findings,
  };
}

const moment = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));
const showReplaced = (replaced: readonly { secretId: string; graceMs: number; latestEndMs: number }[]) =>
  replaced.map((one) => ({
    secret_id: one.secretId,
    grace_seconds: one.graceMs / 1000,
    latest_end: timeText(one.latestEndMs),
  }));

function keyEndpoints({ keyRotation }: Pick<RotationEndpointsDeps, 'keyRotation'>): Endpoint[] {
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/api-keys/{key_id}/rotate',
      operationId: 'rotateApiKeySecret',
      summary: 'Give an API key a new secret; the old one lives on until its grace is over',
      description:
        'The public id and all settings stay. The grace begins when the new secret is first used. See docs/rotation.md.',
      pathParameters: keyPath,
      body: rotateKeySchema,
      status: 201,
      answer: rotatedKeySchema,
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ path, body, by }) => {
        const rotated = await keyRotation.rotate(
          path.key_id,
          {
            graceSeconds: body.grace_seconds,
            latestEndMs: moment(body.latest_end),
            keyExpiresAtMs: body.expires_at === null ? null : moment(body.expires_at),
          },
          by,
        );
        return {
          key_id: rotated.owner.keyId,
          public_prefix: rotated.owner.publicPrefix,
          expires_at: timeText(rotated.keyExpiresAtMs),
          secret_id: rotated.secretId,
          secret: rotated.secret,
          replaced: showReplaced(rotated.replaced),
        };
      },
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/api-keys/{key_id}/compromised',
      operationId: 'endCompromisedApiKeySecret',
      summary: 'End a leaked secret of an API key, at once',
      description: 'When no live secret is left, a new one is made and shown. The public id stays.',
      pathParameters: keyPath,
      body: compromisedSchema,
      answer: z.strictObject({ key_id: z.string(), ...successor, secret: onceSchema.nullable() }),
      errors: ['NOT_FOUND'],
      run: async ({ path, body, by }) => {
        const what = { secretId: body.secret_id, reason: body.reason };
        const { ended, successor: made } = await keyRotation.compromised(path.key_id, what, by);
        return {
          key_id: path.key_id,
          ended,
          secret_id: made?.secretId ?? null,
          secret: made?.secret ?? null,
        };
      },
    }),
  ];
}

function clientEndpoints({ clientRotation }: Pick<RotationEndpointsDeps, 'clientRotation'>): Endpoint[] {
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/clients/{client_id}/rotate-secret',
      operationId: 'rotateClientSecret',
      summary: 'Give an OAuth 2.0 client a new secret; the old one lives on until its grace is over',
      description: 'The grace begins when the new secret is first used. See docs/rotation.md.',
      pathParameters: clientPath,
      body: rotateClientSchema,
      status: 201,
      answer: rotatedClientSchema,
      errors: ['NOT_FOUND', 'CONFLICT'],
      run: async ({ path, body, by }) => {
        const options = { graceSeconds: body.grace_seconds, latestEndMs: moment(body.latest_end) };
        const rotated = await clientRotation.rotate(path.client_id, options, by);
        return {
          client_id: path.client_id,
          secret_id: rotated.secretId,
          client_secret: rotated.secret,
          replaced: showReplaced(rotated.replaced),
        };
      },
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/clients/{client_id}/compromised',
      operationId: 'endCompromisedClientSecret',
      summary: 'End a leaked client secret and the client’s access tokens, at once',
      description: 'When no live secret is left, a new one is made and shown.',
      pathParameters: clientPath,
      body: compromisedSchema,
      answer: z.strictObject({ client_id: z.string(), ...successor, client_secret: onceSchema.nullable() }),
      errors: ['NOT_FOUND'],
      run: async ({ path, body, by }) => {
        const what = { secretId: body.secret_id, reason: body.reason };
        const { ended, successor: made } = await clientRotation.compromised(path.client_id, what, by);
        return {
          client_id: path.client_id,
          ended,
          secret_id: made?.secretId ?? null,
          client_secret: made?.secret ?? null,
        };
      },
    }),
  ];
}

export interface RotationEndpointsDeps {
  keyRotation: KeyRotation;
  clientRotation: ClientRotation;
  clock: Clock;
  /** Every live credential, as of now. */
  report(): Promise<CredentialLine[]>;
}

/** Replacing secrets of API keys and clients, and the report on every credential. */
export function rotationEndpoints(deps: RotationEndpointsDeps): Endpoint[] {
  return [
    ...keyEndpoints(deps),
    ...clientEndpoints(deps),
    adminEndpoint({
      method: 'get',
      path: '/admin/credentials/report',
      operationId: 'reportCredentials',
      summary: 'Which credentials are near their end, old, unused, or replaced and still used',
      query: z.strictObject({
        all: z.enum(['true', 'false']).optional().meta({
          description: 'true: also credentials of which there is nothing to say.',
        }),
      }),
      answer: reportSchema,
      run: async ({ query }) => {
        const lines = await deps.report();
        const shown = lines.filter(({ findings }) => query.all === 'true' || findings.length > 0);
        return {
          generated_at: timeText(deps.clock.nowMs()),
          counts: countFindings(lines),
          items: shown.map(showCredentialLine),
        };
      },
    }),
  ];
}
