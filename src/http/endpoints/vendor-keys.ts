import { z } from 'zod';
import type { PublishedVendorKey, VendorKeyFormat, VendorKeys } from '../../channels/vendor-keys.ts';
import { BridgeError } from '../../errors.ts';
import { sendBytes } from '../answer.ts';
import type { Endpoint } from '../endpoint.ts';

export interface VendorKeysDeps {
  vendorKeys: VendorKeys;
}

const TYPES = { pem: 'application/x-pem-file', jwk: 'application/jwk+json' } as const;

function textOf(key: PublishedVendorKey, format: VendorKeyFormat): string {
  return format === 'pem' ? key.pem : `${JSON.stringify(key.jwk, null, 2)}\n`;
}

const kidParameters = z.object({ kid: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/) });

function keyEndpoint(deps: VendorKeysDeps, format: VendorKeyFormat): Endpoint {
  return {
    contract: {
      listener: 'public',
      method: 'get',
      path: `/.well-known/vendor-keys/{kid}.${format}`,
      operationId: format === 'pem' ? 'getVendorKeyPem' : 'getVendorKeyJwk',
      tag: 'OAuth 2.0',
      summary: `One public key of proofs for chat vendors, as ${format === 'pem' ? 'PEM' : 'a JSON Web Key with x5c'}`,
      pathParameters: kidParameters,
      responses: {
        200: { description: 'The public key', schema: z.string(), contentType: TYPES[format] },
      },
      errors: ['NOT_FOUND'],
    },
    handle: (req, res) => {
      const key = deps.vendorKeys.find(String(req.params['kid']));
      if (!key) throw new BridgeError('NOT_FOUND');
      sendBytes(res, 200, { type: TYPES[format], body: textOf(key, format) });
    },
  };
}

/** The public keys of proofs for chat vendors, for vendors that take no key set. */
export function vendorKeyEndpoints(deps: VendorKeysDeps): Endpoint[] {
  return [
    {
      contract: {
        listener: 'public',
        method: 'get',
        path: '/.well-known/vendor-keys.pem',
        operationId: 'getCurrentVendorKey',
        tag: 'OAuth 2.0',
        summary: 'The public key that proofs for chat vendors are signed with now, as PEM',
        responses: {
          200: { description: 'The public key', schema: z.string(), contentType: TYPES.pem },
        },
        errors: ['NOT_FOUND'],
      },
      handle: (_req, res) => {
        const key = deps.vendorKeys.current();
        if (!key) throw new BridgeError('NOT_FOUND');
        sendBytes(res, 200, { type: TYPES.pem, body: key.pem });
      },
    },
    keyEndpoint(deps, 'pem'),
    keyEndpoint(deps, 'jwk'),
  ];
}
