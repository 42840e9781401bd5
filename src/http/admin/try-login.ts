import { z } from 'zod';
import type { TryLogin } from '../../customers/sign-in/try-login.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint } from './admin-endpoint.ts';

const requestSchema = z
  .strictObject({
    username: z.string().min(1).max(255),
    password: z.string().min(1).max(1_024),
    channel: nameSetting.optional().meta({ description: 'Default: the default channel.' }),
  })
  .meta({ id: 'LoginTry', examples: [{ username: 'mira', password: 'correct horse battery staple' }] });

const attemptSchema = z
  .strictObject({
    authenticator: z.string(),
    type: z.string(),
    outcome: z.enum(['authenticated', 'refused', 'not_mine', 'unavailable']),
    steps: z.array(z.string()),
    reference: z.string().nullable(),
  })
  .meta({ id: 'LoginAttempt' });

/** The steps of one sign-in, for whoever sets an authenticator up. */
export function tryLoginEndpoint({ tryLogin }: { tryLogin: TryLogin }): Endpoint {
  return adminEndpoint({
    method: 'post',
    path: '/admin/try-login',
    operationId: 'tryLogin',
    summary: 'Try a name and a password on the authenticators of a channel',
    description:
      'Says what each authenticator did, without a secret. Opens no session, pins no identifier and counts no failed sign-in here; a directory that counts failures itself counts this one too.',
    body: requestSchema,
    answer: z
      .strictObject({
        channel: z.string(),
        authenticated: z.boolean(),
        attempts: z.array(attemptSchema),
      })
      .meta({ id: 'TriedLogin' }),
    errors: ['NOT_FOUND'],
    run: async ({ body, by }) => {
      const tried = await tryLogin({ ...body, channel: body.channel }, by);
      return {
        ...tried,
        attempts: tried.attempts.map((one) => ({ ...one, reference: one.reference ?? null })),
      };
    },
  });
}
