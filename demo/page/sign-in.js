import { element, one } from './dom.js';

function sentence(error) {
  if (error.code === 'invalid_credentials') return 'The user name or the password is wrong.';
  if (error.code === 'unavailable') return 'The bridge cannot be reached. Nobody was signed in; try again shortly.';
  if (error.code === 'rate_limited') {
    const seconds = Math.ceil((error.retryAfterMs ?? 0) / 1000);
    return `Too many attempts. Try again${seconds ? ` in ${seconds} seconds` : ' shortly'}.`;
  }
  return `${error.message}${error.serverCode ? ` (${error.serverCode})` : ''}`;
}

/**
 * The shop's sign-in: one button for each demo customer, and a form for any name and password. `say` shows a sentence
 * above it, an empty one hides it.
 */
export function createSignIn({ root, customers, signIn }) {
  const form = one('[data-sign-in-form]', root);
  const notice = one('[data-sign-in-notice]', root);
  const list = one('[data-customers]', root);

  function say(text) {
    notice.textContent = text;
    notice.hidden = text === '';
  }

  async function attempt(username, password) {
    say('');
    for (const button of root.querySelectorAll('button')) button.disabled = true;
    try {
      await signIn({ username, password });
      form.reset();
    } catch (error) {
      say(sentence(error));
    } finally {
      for (const button of root.querySelectorAll('button')) button.disabled = false;
    }
  }

  list.replaceChildren(
    ...customers.map(({ username, password, name }) =>
      element(
        'li',
        {},
        element(
          'button',
          { type: 'button', class: 'customer', click: () => void attempt(username, password) },
          element('span', { class: 'customer__face', 'aria-hidden': 'true' }, name.at(-1)),
          element('span', { class: 'customer__name' }, name),
          element('span', { class: 'customer__secret' }, `${username} / ${password}`),
          element('span', { class: 'customer__go', 'aria-hidden': 'true' }, 'Sign in →'),
        ),
      ),
    ),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const data = new FormData(form);
    void attempt(data.get('username'), data.get('password'));
  });
  return { say };
}
