import { z } from 'zod';
import { openIdProviderMetadata } from '../../oauth/metadata.ts';
import type { IdTokens } from '../../tokens/id-token.ts';
import { sendJson } from '../answer.ts';
import type { Endpoint } from '../endpoint.ts';
import { METADATA_CACHE, serverMetadataSchema } from './well-known.ts';

const names = z.array(z.string());

const providerSchema = serverMetadataSchema
  .extend({
    userinfo_endpoint: z.string(),
    subject_types_supported: names,
    id_token_signing_alg_values_supported: names,
    claim_types_supported: names,
    claims_supported: names,
    claims_parameter_supported: z.literal(false),
    request_parameter_supported: z.literal(false),
    request_uri_parameter_supported: z.literal(false),
    prompt_values_supported: names,
  })
  .meta({ id: 'OpenIdProviderMetadata', description: 'OpenID Connect Discovery 1.0 section 3' });

/** `GET /.well-known/openid-configuration`: what a vendor's discovery reads. */
export function openIdConfiguration({
  issuer,
  idTokens,
}: {
  issuer: string;
  idTokens: Pick<IdTokens, 'algorithms'>;
}): Endpoint {
  return {
    crossOrigin: 'apps',
    contract: {
      listener: 'public',
      method: 'get',
      path: '/.well-known/openid-configuration',
      operationId: 'getOpenIdConfiguration',
      tag: 'OAuth 2.0',
      summary: 'OpenID provider metadata',
      responses: { 200: { description: 'Metadata', schema: providerSchema } },
    },
    handle: (_req, res) =>
      sendJson(res, 200, openIdProviderMetadata(issuer, idTokens.algorithms()), METADATA_CACHE),
  };
}
