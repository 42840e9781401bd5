import { z } from 'zod';
import { answerPathSetting } from '../outbound/json-answer.ts';
import { headerNameSetting, requestPathSetting } from '../outbound/outbound-settings.ts';
import { nameSetting } from '../platform/settings.ts';
import { fieldNameSetting, fieldSetting } from './field-settings.ts';

/** Stands in a backend's path where the identifier goes. */
export const IDENTIFIER_MARK = '{identifier}';

/** What names the customer towards a backend. */
const identifierForm = z.enum(['opaque', 'reference', 'assertion']);

const identifierSetting = z.discriminatedUnion('in', [
  z.strictObject({ as: identifierForm, in: z.literal('header'), name: headerNameSetting }),
  z.strictObject({
    as: identifierForm,
    in: z.literal('body'),
    name: z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, 'must be the name of a JSON member'),
  }),
  z.strictObject({
    // An assertion is a credential: in a path it would end up in access logs.
    as: identifierForm.exclude(['assertion']),
    in: z.literal('path'),
  }),
]);

/** One entry of `backends` in the configuration. */
export const backendSchema = z
  .strictObject({
    name: nameSetting,
    /** Name of a connection. */
    connection: nameSetting,
    method: z.enum(['GET', 'POST']).default('GET'),
    /** Below the connection's base URL; holds `{identifier}` where the identifier goes into the path. */
    path: z.string(),
    identifier: identifierSetting,
    /** Keys of which environments it answers: real customers are `live`. */
    environments: z
      .array(z.enum(['live', 'test']))
      .min(1)
      .max(2)
      .default(['live']),
    /** Profile field → where it stands in the answer, and what is made of it. */
    fields: z
      .record(fieldNameSetting, fieldSetting)
      .refine((map) => Object.keys(map).length > 0, 'must name at least one field'),
    /** Where the answer names the customer; an answer for anybody else is refused whole. */
    subject: answerPathSetting.optional(),
    /** How long an answer is used again for the same partner and customer; 0: never. */
    cache_seconds: z.int().min(0).max(300).default(0),
    /** How much longer it stands in while the backend fails. */
    stale_if_error_seconds: z.int().min(0).max(3_600).default(0),
  })
  .superRefine((backend, context) => {
    const marks = backend.path.split(IDENTIFIER_MARK).length - 1;
    const problem = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    const checked = requestPathSetting.safeParse(backend.path.replaceAll(IDENTIFIER_MARK, 'x'));
    if (!checked.success) problem('path', checked.error.issues[0]?.message ?? 'must be a path');
    if (backend.identifier.in === 'path' && marks !== 1) {
      problem('path', `must hold ${IDENTIFIER_MARK} exactly once`);
    }
    if (backend.identifier.in !== 'path' && marks !== 0) {
      problem('path', `holds ${IDENTIFIER_MARK} although identifier.in is not "path"`);
    }
    if (backend.stale_if_error_seconds > 0 && backend.cache_seconds === 0) {
      problem('stale_if_error_seconds', 'has nothing to fall back to; set cache_seconds, too');
    }
    if (backend.identifier.in === 'body' && backend.method !== 'POST') {
      problem('method', 'must be POST when the identifier goes into the body');
    }
  });

export type BackendOptions = z.infer<typeof backendSchema>;
