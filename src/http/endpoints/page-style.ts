import { CONSTANT_HEADERS } from '../answer.ts';
import type { Endpoint } from '../endpoint.ts';
import { STYLE_PATH } from '../pages/page.ts';
import { STYLE } from '../pages/style.ts';
import { contextOf } from '../request-context.ts';

/** The style sheet of the pages, under a name that changes with its content. */
export function pageStyle(): Endpoint {
  const bytes = Buffer.from(STYLE);
  return {
    contract: {
      listener: 'public',
      method: 'get',
      path: STYLE_PATH,
      operationId: 'pageStyle',
      tag: 'Pages for customers',
      summary: 'Style sheet of the pages',
      responses: { 200: { description: 'CSS', contentType: 'text/css' } },
    },
    handle: (_req, res) => {
      res.writeHead(200, {
        ...(res.app.locals[CONSTANT_HEADERS] as Record<string, string>),
        'cache-control': 'public, max-age=31536000, immutable',
        'x-request-id': contextOf(res).requestId,
        'content-type': 'text/css; charset=utf-8',
        'content-length': bytes.length,
      });
      res.end(bytes);
    },
  };
}
