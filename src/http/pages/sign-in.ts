import { type Html, html } from './html.ts';

export interface SignInView {
  /** Address of the form. */
  action: string;
  /** Sealed state of the form. */
  state: string;
  /** Which app sent the customer here; `undefined` when they came by themselves. */
  app: string | undefined;
  username?: string | undefined;
  /** Why the last try failed. */
  problem?: string | undefined;
}

/** The form on which a customer signs in with the company's own user name and password. */
export function signInPage(view: SignInView): { title: string; body: Html } {
  const failed = view.problem !== undefined;
  return {
    title: 'Sign in',
    body: html`<h1>Sign in</h1>
${view.app === undefined ? undefined : html`<p>Sign in to continue to <strong>${view.app}</strong>.</p>`}
${failed ? html`<p class="alert" role="alert" id="problem">${view.problem}</p>` : undefined}
<form method="post" action="${view.action}">
<input type="hidden" name="form" value="${view.state}">
<label for="username">User name</label>
<input type="text" id="username" name="username" value="${view.username ?? ''}" maxlength="255" required
 autocomplete="username" autocapitalize="none" spellcheck="false"${failed ? html` aria-describedby="problem"` : html` autofocus`}>
<label for="password">Password</label>
<input type="password" id="password" name="password" maxlength="1024" required autocomplete="current-password"${failed ? html` autofocus` : undefined}>
<div class="buttons"><button type="submit">Sign in</button></div>
</form>`,
  };
}
