import { type Html, html } from './html.ts';

/** The page for a request that leads nowhere: says what is wrong and what to do, and names the request for support. */
export function problemPage(message: string, requestId: string): { title: string; body: Html } {
  return {
    title: 'This did not work',
    body: html`<h1>This did not work</h1>
<p class="alert" role="alert">${message}</p>
<p>Go back to the app that you came from and start again.</p>
<p class="soft">Request ${requestId}</p>`,
  };
}
