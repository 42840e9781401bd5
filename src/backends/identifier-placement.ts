import type { CustomerIdentifier, CustomerReference } from '../identifiers/identifier.ts';
import type { OutboundRequest } from '../outbound/outbound-types.ts';
import { encodeSegment, isHeaderValue } from '../outbound/outbound-settings.ts';
import { type BackendOptions, IDENTIFIER_MARK } from './backend-settings.ts';

/** Signs a statement to a backend that we ask about this customer. */
export type SignAssertion = (input: {
  /** Name of the backend: an assertion for one is worthless at another. */
  audience: string;
  customerId: CustomerIdentifier;
  reference: CustomerReference;
}) => string;

/** Writes an identifier into a request; `undefined` when this identifier cannot go there unchanged. */
type Place = (identifier: string, headers: Record<string, string>) => OutboundRequest | undefined;

/** Prepares the request of one backend: where the identifier goes is decided once, not per call. */
export function createPlacement(options: Pick<BackendOptions, 'identifier' | 'method' | 'path'>): Place {
  const { identifier: setting, method, path } = options;
  if (setting.in === 'header') {
    return (identifier, headers) => {
      if (!isHeaderValue(identifier)) return undefined;
      headers[setting.name] = identifier;
      return { method, path, headers };
    };
  }
  if (setting.in === 'body') {
    return (identifier, headers) => {
      if (!identifier.isWellFormed()) return undefined;
      headers['content-type'] = 'application/json';
      return { method, path, headers, body: JSON.stringify({ [setting.name]: identifier }) };
    };
  }
  const [before = '', after = ''] = path.split(IDENTIFIER_MARK);
  return (identifier, headers) => {
    const segment = encodeSegment(identifier);
    return segment === undefined ? undefined : { method, path: before + segment + after, headers };
  };
}
