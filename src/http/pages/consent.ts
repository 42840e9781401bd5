import { type Html, html } from './html.ts';

export interface ConsentView {
  action: string;
  state: string;
  app: string;
  partner: string;
  company: string;
  scopes: readonly string[];
  /** Profile fields that the partner may see. */
  fields: readonly string[];
  /** Where the browser goes afterwards. */
  returnsTo: string;
  connectedAppsAddress: string;
}

/** `accountNumber`, `account_number` and `account.number` as a customer would say it: "Account number". */
export function fieldInWords(field: string): string {
  const words = field
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/[._-]+/g, ' ')
    .trim()
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Each scope as a sentence to the customer about what the app will be able to do. */
function scopeInWords(scope: string, fields: readonly string[]): Html {
  switch (scope) {
    case 'profile:read':
      return fields.length === 0
        ? html`<li>Know that you are a customer.</li>`
        : html`<li>See these facts from your profile, also when you are not using the app:
<ul>${fields.map((field) => html`<li>${fieldInWords(field)}</li>`)}</ul></li>`;
    case 'openid':
      return html`<li>Recognise you when you come back, by an identifier that says nothing about you.</li>`;
    case 'partner:call':
      return html`<li>Send messages on your behalf over the chat services that we work with.</li>`;
    case 'whoami':
      return html`<li>Check its own connection to us. This tells it nothing about you.</li>`;
    default:
      return html`<li>Use the permission “${scope}”.</li>`;
  }
}

/** The page that asks a customer whether an app may have what it asks for. */
export function consentPage(view: ConsentView): { title: string; body: Html } {
  return {
    title: `Connect ${view.app}`,
    body: html`<h1>Connect ${view.app}?</h1>
<p><strong>${view.app}</strong> by ${view.partner} asks ${view.company} to let it:</p>
<ul>${view.scopes.map((scope) => scopeInWords(scope, view.fields))}</ul>
<p class="soft">It does not learn your password. You go back to <strong>${view.returnsTo}</strong>. You can take this
back at any time under <a href="${view.connectedAppsAddress}">connected apps</a>.</p>
<form method="post" action="${view.action}">
<input type="hidden" name="form" value="${view.state}">
<div class="buttons">
<button type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny" class="quiet">Do not allow</button>
</div>
<button type="submit" name="decision" value="switch" class="plain">Sign in as somebody else</button>
</form>`,
  };
}
