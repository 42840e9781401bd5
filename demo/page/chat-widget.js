import { element, one } from './dom.js';

const QUESTIONS = ['What is my plan?', 'What is my balance?', 'Who am I to you?'];

/** Thrown for an answer of the vendor's server that is not a success. */
class ChatError extends Error {
  constructor(status, body) {
    super(body?.message || 'The chat does not answer at the moment.');
    this.status = status;
    this.code = body?.code ?? 'NO_ANSWER';
    this.retryAfterSeconds = body?.retry_after;
  }
}

function sentence(error) {
  if (error.code === 'RATE_LIMITED' || error.code === 'rate_limited') {
    const seconds = error.retryAfterSeconds ?? Math.ceil((error.retryAfterMs ?? 0) / 1000);
    return `Too many questions at once. Try again${seconds ? ` in ${seconds} seconds` : ' shortly'}.`;
  }
  if (error.code === 'unavailable') return 'The bridge cannot be reached at the moment. Try again shortly.';
  return error.message;
}

/**
 * The chat vendor's widget. It asks the SDK for the customer token, hands it to the vendor's server with every
 * message, and forgets everything when the customer leaves or changes.
 */
export function createChatWidget({ root, symbolon, vendorUrl, fetch }) {
  const log = one('[data-chat-log]', root);
  const quick = one('[data-chat-quick]', root);
  const form = one('[data-chat-form]', root);
  const input = one('input', form);
  const send = one('button', form);
  const status = one('[data-chat-status]', root);
  /** Raised whenever the customer changes: answers to an earlier customer's questions are dropped. */
  let visit = 0;
  let busy = true;

  async function call(path, body) {
    for (let attempt = 1; ; attempt++) {
      const token = await symbolon.getToken({ fresh: attempt > 1 });
      let response;
      try {
        response = await fetch(vendorUrl + path, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
      } catch {
        throw new ChatError(0, { message: 'The chat vendor cannot be reached at the moment.' });
      }
      const answer = JSON.parse((await response.text()) || '{}');
      if (response.status === 200) return answer;
      // The bridge says when a customer token is used up; one new token is worth one more try.
      const stale = answer.code === 'CUSTOMER_TOKEN_EXPIRED' || answer.code === 'INVALID_CUSTOMER_TOKEN';
      if (!stale || attempt === 2) throw new ChatError(response.status, answer);
    }
  }

  function bubble(from, text) {
    const made = element('p', { class: `bubble bubble--${from}` }, text);
    log.append(made);
    toEnd();
    return made;
  }

  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
  };

  /** While an answer is awaited buttons stay focusable, so that the keyboard does not lose its place. */
  function setBusy(on) {
    busy = on;
    for (const button of [send, ...quick.children]) button.setAttribute('aria-disabled', String(on));
  }

  function waiting() {
    const dots = element('p', { class: 'bubble bubble--bot bubble--waiting', 'aria-label': 'Writing' });
    dots.append(element('i'), element('i'), element('i'));
    log.append(dots);
    toEnd();
    return dots;
  }

  /** Runs `work` with dots in the log; shows its failure as a bubble with a way to try again. */
  async function withDots(work, retry) {
    const mine = visit;
    const dots = waiting();
    setBusy(true);
    try {
      const done = await work();
      if (mine === visit) done();
    } catch (error) {
      if (mine !== visit) return;
      const made = bubble('error', sentence(error));
      made.setAttribute('role', 'alert');
      const again = () => {
        made.remove();
        retry();
      };
      made.append(element('button', { type: 'button', class: 'link', click: again }, 'Try again'));
    } finally {
      dots.remove();
      if (mine === visit) {
        setBusy(false);
        toEnd();
      }
    }
  }

  async function ask(text, shown = false) {
    if (busy) return;
    if (!shown) bubble('customer', text);
    await withDots(
      async () => {
        const { answer } = await call('/chat/messages', { text });
        return () => bubble('bot', answer.text);
      },
      () => ask(text, true),
    );
  }

  function open() {
    return withDots(async () => {
      const { display_name: name, history } = await call('/chat/open', {});
      return () => {
        if (history.length > 0) {
          for (const message of history) bubble(message.from, message.text);
          log.append(element('p', { class: 'chat__mark' }, 'Earlier conversation'));
        }
        const known = typeof name === 'string';
        const again = history.length > 0 ? 'welcome back' : 'welcome';
        bubble('bot', known ? `Hello ${name}, ${again}. How can I help?` : 'Hello. How can I help?');
        status.textContent = known ? `Talking with ${name}` : 'Signed in';
        input.disabled = false;
        quick.replaceChildren(
          ...QUESTIONS.map((question) =>
            element('button', { type: 'button', class: 'chip', click: () => ask(question) }, question),
          ),
        );
      };
    }, open);
  }

  function clear() {
    visit++;
    log.replaceChildren();
    quick.replaceChildren();
    form.reset();
    setBusy(true);
    input.disabled = true;
  }

  function empty(title, text) {
    log.replaceChildren(
      element('div', { class: 'chat__empty' }, element('strong', {}, title), element('span', {}, text)),
    );
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === '' || busy) return;
    form.reset();
    void ask(text);
  });

  return {
    /** Shows the widget for whoever the SDK says is signed in. */
    show({ state }) {
      clear();
      status.textContent = { signed_in: 'Signed in', signed_out: 'Nobody signed in', unknown: 'Not connected' }[state];
      if (state === 'signed_in') void open();
      if (state === 'signed_out') empty('Who is there?', 'The chat knows nobody until you sign in to the shop.');
      if (state === 'unknown') empty('Not connected', 'The bridge has not said yet who is signed in.');
    },
  };
}
