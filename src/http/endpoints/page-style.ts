import { sendBytes } from '../answer.ts';
import type { Endpoint } from '../endpoint.ts';
import { STYLE_PATH } from '../pages/page.ts';
import { STYLE } from '../pages/style.ts';

/** The style sheet of the pages, under a name that changes with its content. */
export function pageStyle(): Endpoint {
  const style = { type: 'text/css; charset=utf-8', body: Buffer.from(STYLE) };
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
    handle: (_req, res) =>
      sendBytes(res, 200, style, { 'cache-control': 'public, max-age=31536000, immutable' }),
  };
}
