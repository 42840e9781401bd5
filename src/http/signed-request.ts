import type { IncomingMessage } from 'node:http';
import type { SignedRequest } from '../signatures/signed-request.ts';
import { V1_SIGNATURE_HEADER, V1_TIMESTAMP_HEADER } from '../signatures/v1.ts';
import { header } from './raw-headers.ts';

/** Our public address, as partners sign it; the request's own `Host` is what somebody wrote there. */
export interface PublicAddress {
  /** Host, with the port unless it is the scheme's own. */
  authority: string;
  /** Path of the public address, without a slash at the end. */
  basePath: string;
}

/** The address that partners call, from `PUBLIC_URL`. */
export function publicAddressOf(publicUrl: string): PublicAddress {
  const url = new URL(publicUrl);
  return { authority: url.host, basePath: url.pathname.replace(/\/+$/, '') };
}

/** Whether the request carries any header of a signature; without one nothing is computed. */
export function carriesSignature({ headers }: IncomingMessage): boolean {
  return (
    headers[V1_SIGNATURE_HEADER] !== undefined ||
    headers[V1_TIMESTAMP_HEADER] !== undefined ||
    headers['signature-input'] !== undefined ||
    headers.signature !== undefined
  );
}

/**
 * The request as its sender signed it. A proxy may have taken the path of the public address off; the sender has
 * signed it with the path.
 */
export function asSignedRequest(req: IncomingMessage, body: Buffer, address: PublicAddress): SignedRequest {
  const url = req.url ?? '/';
  const mark = url.indexOf('?');
  return {
    method: req.method ?? '',
    authority: address.authority,
    path: address.basePath + (mark < 0 ? url : url.slice(0, mark)),
    query: mark < 0 ? '' : url.slice(mark),
    body,
    header: (name) => header(req, name),
  };
}
