import { z } from 'zod';
import type { ConnectGrant } from '../../connections/connect-grant.ts';
import { parseQuery } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import { html } from '../pages/html.ts';
import { pageEndpoint } from '../pages/page-endpoint.ts';
import type { Pages } from '../pages/page.ts';
import { parseWith } from '../parse.ts';
import { contextOf } from '../request-context.ts';

export interface ConnectionCallbackDeps {
  pages: Pages;
  connectGrant: Pick<ConnectGrant, 'finish'>;
}

const pathParameters = z.object({ connection: z.string().min(1).max(64) });

/** Others may add parameters of their own (RFC 6749 section 4.1.2). */
const query = z.object({
  state: z.string().min(1).max(4_096),
  code: z.string().min(1).max(4_096).optional(),
  error: z.string().max(256).optional(),
});

/** Where the browser comes back to after `symbolon connections connect`. */
export function connectionCallback({ pages, connectGrant }: ConnectionCallbackDeps): Endpoint {
  const endpoint = pageEndpoint({
    pages,
    method: 'get',
    path: '/connections/{connection}/callback',
    operationId: 'connectionCallback',
    summary: 'A partner’s authorization server sends the operator’s browser back',
    query,
    refusesHead: true,
    handle: async (req, res) => {
      const { connection } = parseWith(pathParameters, req.params);
      const { requestId, address } = contextOf(res);
      await connectGrant.finish({ connection, ...parseWith(query, parseQuery(req)) }, { requestId, address });
      pages.send(res, 200, {
        title: 'Connected',
        body: html`<h1>Connected</h1>
<p>The connection ${connection} is ready. You may close this window.</p>`,
      });
    },
  });
  return { ...endpoint, usesSession: false, contract: { ...endpoint.contract, pathParameters } };
}
