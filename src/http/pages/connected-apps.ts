import type { ConnectedApp } from '../../oauth/consents.ts';
import { type Html, html } from './html.ts';

export interface ConnectedAppsView {
  action: string;
  state: string;
  apps: readonly ConnectedApp[];
  /** The app that was removed just now. */
  removed: boolean;
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

/** The page on which a customer sees which apps are connected, and takes access back. */
export function connectedAppsPage(view: ConnectedAppsView): { title: string; body: Html } {
  return {
    title: 'Connected apps',
    body: html`<h1>Connected apps</h1>
${view.removed ? html`<p role="status">Its access has ended.</p>` : undefined}
${
  view.apps.length === 0
    ? html`<p>No app has access to your profile.</p>`
    : html`<p>These apps may see facts from your profile.</p>`
}
${view.apps.map(
  (app) => html`<section class="app">
<h2>${app.label}</h2>
<p class="soft">By ${app.partnerName}, since <time datetime="${dayOf(app.grantedAtMs)}">${dayOf(app.grantedAtMs)}</time>.</p>
<form method="post" action="${view.action}">
<input type="hidden" name="form" value="${view.state}">
<button type="submit" name="client_id" value="${app.clientId}" class="quiet" aria-label="Remove access of ${app.label}">Remove access</button>
</form>
</section>`,
)}`,
  };
}
