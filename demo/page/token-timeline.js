import { element } from './dom.js';

const SHOWN = 30;
const RENEWAL_SHARE = 0.8;

export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

/** What happened to the proof, newest first, and how long the one of the moment lives. `now` is the clock of the page. */
export function createTokenTimeline({ list, bar, words, now }) {
  /** The proof of the moment: when it was asked for, how long it lives. */
  let held;

  function note(kind, text, atMs = now()) {
    const time = new Date(atMs).toLocaleTimeString('en-GB');
    list.prepend(
      element(
        'li',
        { class: `event event--${kind}`, 'data-kind': kind },
        element('time', {}, time),
        element('span', {}, text),
      ),
    );
    while (list.children.length > SHOWN) list.lastElementChild.remove();
  }

  function tick() {
    if (!held) {
      bar.value = 0;
      words.textContent = 'No proof is held.';
      return;
    }
    const ageMs = now() - held.askedMs;
    const leftMs = held.lifeMs - ageMs;
    if (leftMs <= 0) {
      note('expired', `Expired after ${duration(held.lifeMs)}.`, held.askedMs + held.lifeMs);
      held = undefined;
      tick();
      return;
    }
    bar.max = held.lifeMs;
    bar.value = leftMs;
    const renewalMs = held.lifeMs * RENEWAL_SHARE - ageMs;
    const renewal = renewalMs > 0 ? `renewed in ${duration(renewalMs)}` : 'being renewed';
    words.textContent = `${duration(leftMs)} left of ${duration(held.lifeMs)}; ${renewal}.`;
  }

  setInterval(tick, 500);
  tick();
  return {
    /** A proof came; `by` says who asked for it. `single`: good for one use, so nothing is held. */
    came({ askedMs, lifeMs, by, single = false }) {
      const first = held === undefined;
      if (single) {
        note('issued', `A code for one use was issued, good for ${duration(lifeMs)}.`);
        return;
      }
      const newKind = first && !list.querySelector('[data-kind=issued]') ? 'issued' : 'renewed';
      held = { askedMs, lifeMs };
      note(newKind, `${newKind === 'issued' ? 'Issued' : 'Renewed'} ${by}, good for ${duration(lifeMs)}.`);
      tick();
    },
    slept(ms) {
      tick();
      note('slept', `The laptop slept for ${duration(ms)}.`);
    },
    /** The customer left: nothing of their proof stays. */
    cleared(why) {
      held = undefined;
      list.replaceChildren();
      if (why) note('cleared', why);
      tick();
    },
  };
}
