import { createServer, type ServerResponse } from 'node:http';
import { listen, shut } from './backend.ts';
import { createSigner, type TestSigner } from './key-server.ts';
import { sendJson } from './site.ts';

export interface TokenCall {
  authorization: string | undefined;
  form: URLSearchParams;
}

export interface ScriptedProvider {
  /** Also the issuer. */
  readonly url: string;
  readonly signer: TestSigner;
  /** Added to or, with `undefined`, left out of the discovery document. */
  document: Record<string, unknown>;
  /** Answers the token endpoint. */
  token(call: TokenCall, response: ServerResponse): void | Promise<void>;
  /** Answers the address of the keys. Default: the signer's. */
  keys(response: ServerResponse): void;
  readonly calls: TokenCall[];
  close(): Promise<void>;
}

/** An identity provider whose token endpoint says what a test wants, true or not. */
export async function startScriptedProvider(): Promise<ScriptedProvider> {
  const signer = await createSigner('one');
  const server = createServer((request, response) => {
    const { url: base } = provider;
    const path = request.url?.split('?')[0];
    if (path === '/.well-known/openid-configuration') {
      return sendJson(response, 200, {
        issuer: base,
        authorization_endpoint: `${base}/authorize`,
        token_endpoint: `${base}/token`,
        jwks_uri: `${base}/keys`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        ...provider.document,
      });
    }
    if (path === '/keys') return provider.keys(response);
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const call = { authorization: request.headers.authorization, form: new URLSearchParams(body) };
      provider.calls.push(call);
      void provider.token(call, response);
    });
  });
  const provider: ScriptedProvider = {
    url: await listen(server),
    signer,
    document: {},
    token: (_call, response) => sendJson(response, 400, { error: 'invalid_grant' }),
    keys: (response) => sendJson(response, 200, { keys: [signer.publicJwk] }),
    calls: [],
    close: () => shut(server),
  };
  return provider;
}
