import { z } from 'zod';
import { answerPathSetting } from '../outbound/json-answer.ts';
import { headerNameSetting, requestPathSetting } from '../outbound/outbound-settings.ts';
import { nameSetting } from '../platform/settings.ts';

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

const fieldName = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, 'must be the name of a profile field');

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
    /** Profile field → where it stands in the answer. */
    fields: z
      .record(fieldName, answerPathSetting)
      .refine((map) => Object.keys(map).length > 0, 'must name at least one field'),
    /** Where the answer names the customer; an answer for anybody else is refused whole. */
    subject: answerPathSetting.optional(),
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
    if (backend.identifier.in === 'body' && backend.method !== 'POST') {
      problem('method', 'must be POST when the identifier goes into the body');
    }
  });

export type BackendOptions = z.infer<typeof backendSchema>;
