import { randomBytes } from 'node:crypto';
import type { Audit } from '../audit/audit.ts';
import type { Backend } from '../backends/backend-types.ts';
import { outlineOf } from '../backends/field-settings.ts';
import type { Config } from '../config/config.ts';
import { reasonSentence } from '../connections/failure-sentence.ts';
import type { CustomerStore } from '../customers/customer-registry.ts';
import type { Identities } from '../customers/identities.ts';
import { BridgeError } from '../errors.ts';
import type { ExamineCustomer, Finding } from '../http/admin/status.ts';
import {
  type ChannelGroup,
  type CustomerIdentifier,
  type CustomerReference,
  isTestSpace,
  parseReference,
  type ReferenceSpace,
} from '../identifiers/identifier.ts';
import { randomToken } from '../platform/random.ts';

export interface ExamineCustomerDeps {
  config: Config;
  backends: readonly Backend[];
  identities: Pick<Identities, 'known'>;
  store: Pick<CustomerStore, 'recordLookup'>;
  audit: Audit;
}

function spaceOf({ authenticators }: Config, named: string | undefined): ReferenceSpace {
  const spaces = [...new Set(authenticators.map((one) => one.reference_space))];
  const space = named ?? (spaces.length === 1 ? spaces[0] : undefined);
  if (space !== undefined && spaces.includes(space)) return space as ReferenceSpace;
  throw new BridgeError('INVALID_REQUEST', {
    message: `Name the reference space. There are: ${spaces.join(', ')}.`,
    details: { member: 'reference_space' },
  });
}

/**
 * Asks each backend for one customer for real and says which mapped fields were found, never what they hold. The
 * audit record is written before anything is asked.
 */
export function createExamineCustomer(deps: ExamineCustomerDeps): ExamineCustomer {
  const { config, backends, identities } = deps;

  const anyIdentifier = async (space: ReferenceSpace, reference: CustomerReference) => {
    for (const group of new Set(config.channels.map((channel) => channel.group as ChannelGroup))) {
      const customerId = await identities.known({ group, space, reference });
      if (customerId !== undefined) return customerId;
    }
    return undefined;
  };

  const examine = async (
    backend: Backend,
    who: { reference: CustomerReference; customerId: CustomerIdentifier | undefined },
    requestId: string,
  ): Promise<Finding> => {
    const subject = `backend ${backend.name}`;
    const options = config.backends.find(({ name }) => name === backend.name);
    if (who.customerId === undefined && options?.identifier.as !== 'reference') {
      const message =
        'This customer has no identifier yet, and the backend is asked with one. Sign in as that customer once.';
      return { subject, ok: false, message };
    }
    const answer = await backend.ask({
      customerId: who.customerId ?? ('' as CustomerIdentifier),
      reference: who.reference,
      fields: new Set(backend.fields),
      requestId,
      traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`,
    });
    if (answer.reason !== undefined) {
      return { subject, ok: false, message: `It ${reasonSentence(answer.reason)}.` };
    }
    const missing = backend.fields.filter((field) => !Object.hasOwn(answer.fields, field));
    const found = backend.fields.filter((field) => Object.hasOwn(answer.fields, field));
    const places = missing.map(
      (field) => `${field} (looked for at ${outlineOf(options?.fields[field] ?? '').path})`,
    );
    return {
      subject,
      ok: true,
      ...(missing.length === 0 ? {} : { warning: true }),
      message: [
        ...(found.length === 0 ? [] : [`found ${found.join(', ')}`]),
        ...(places.length === 0 ? [] : [`not found ${places.join(', ')}`]),
      ].join('; '),
    };
  };

  return async ({ reference: text, space: named }, by) => {
    const reference = parseReference(text);
    if (reference === undefined) {
      throw new BridgeError('INVALID_REQUEST', { details: { member: 'reference' } });
    }
    const space = spaceOf(config, named);
    const customerId = await anyIdentifier(space, reference);
    await deps.store.recordLookup(
      deps.audit.record('customer.examined', { ...by, outcome: 'success', customerId }),
    );
    const requestId = by.requestId ?? randomToken(12);
    const open = isTestSpace(space)
      ? backends.filter(({ environments }) => environments.has('test'))
      : backends;
    return Promise.all(open.map((backend) => examine(backend, { reference, customerId }, requestId)));
  };
}
