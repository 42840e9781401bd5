import { z } from 'zod';
import type { ConnectGrant } from '../../connections/connect-grant.ts';
import { parseQuery, readFields } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import { html } from '../pages/html.ts';
import { pageEndpoint } from '../pages/page-endpoint.ts';
import type { Pages } from '../pages/page.ts';
import { parseWith } from '../parse.ts';
import { contextOf } from '../request-context.ts';

export interface ConnectionCallbackDeps {
  pages: Pages;
  connectGrant: Pick<ConnectGrant, 'check' | 'finish'>;
}

const pathParameters = z.object({ connection: z.string().min(1).max(64) });

/** Others may add parameters of their own (RFC 6749 section 4.1.2). */
const query = z.object({
  state: z.string().min(1).max(4_096),
  code: z.string().min(1).max(4_096).optional(),
  error: z.string().max(256).optional(),
});

const form = z.object({
  state: z.string().min(1).max(4_096),
  code: z.string().min(1).max(4_096),
  confirmation: z.string().min(1).max(64).meta({
    description: 'The code that `symbolon connections connect` shows.',
  }),
});

/** Where the browser comes back to: changes nothing, and asks for the code that the operator's terminal shows. */
function askForConfirmation({ pages, connectGrant }: ConnectionCallbackDeps): Endpoint {
  return pageEndpoint({
    pages,
    method: 'get',
    path: '/connections/{connection}/callback',
    operationId: 'connectionCallback',
    summary: 'A partner’s authorization server sends the operator’s browser back',
    query,
    refusesHead: true,
    handle: async (req, res) => {
      const { connection } = parseWith(pathParameters, req.params);
      const { state, code } = parseWith(query, parseQuery(req));
      connectGrant.check({ connection, state, code });
      pages.send(res, 200, {
        title: 'One more step',
        body: html`<h1>One more step</h1>
<p>To connect ${connection}, type the confirmation code that the command line shows. If you did not begin this yourself,
close this window.</p>
<form method="post" action="${`${pages.basePath}/connections/${connection}/callback`}">
<input type="hidden" name="state" value="${state}">
<input type="hidden" name="code" value="${code ?? ''}">
<label>Confirmation code
<input name="confirmation" required autofocus autocomplete="off" spellcheck="false" maxlength="16"></label>
<div class="buttons"><button type="submit">Connect</button></div>
</form>`,
      });
    },
  });
}

function takeConfirmation({ pages, connectGrant }: ConnectionCallbackDeps): Endpoint {
  return pageEndpoint({
    pages,
    method: 'post',
    path: '/connections/{connection}/callback',
    operationId: 'confirmConnection',
    summary: 'The operator confirms in the browser what was begun in the terminal',
    form,
    handle: async (req, res) => {
      const { connection } = parseWith(pathParameters, req.params);
      const { requestId, address } = contextOf(res);
      const fields = parseWith(form, await readFields(req, ['form']));
      await connectGrant.finish({ connection, ...fields }, { requestId, address });
      pages.send(res, 200, {
        title: 'Connected',
        body: html`<h1>Connected</h1>
<p>The connection ${connection} is ready. You may close this window.</p>`,
      });
    },
  });
}

/** The end of `symbolon connections connect`, in the operator's browser. */
export function connectionCallback(deps: ConnectionCallbackDeps): Endpoint[] {
  return [askForConfirmation(deps), takeConfirmation(deps)].map((endpoint) => ({
    ...endpoint,
    usesSession: false,
    contract: { ...endpoint.contract, pathParameters },
  }));
}
