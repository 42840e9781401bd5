/** The one style sheet of our pages. Colours keep a contrast of at least 4.5:1 in the light and in the dark. */
export const STYLE = `:root {
  color-scheme: light dark;
  --ground: #f3f5f7; --card: #ffffff; --text: #1b2430; --soft: #4d5a68; --line: #d5dbe1;
  --accent: #1d5b8f; --on-accent: #ffffff; --alert: #9b1c1c; --alert-ground: #fdf0f0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12171d; --card: #1b222b; --text: #e8ecf1; --soft: #a9b4c0; --line: #384452;
    --accent: #8fc4f0; --on-accent: #0d1a26; --alert: #ffb4b4; --alert-ground: #3a1f22;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem 1rem;
  background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main {
  width: 100%; max-width: 27rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 2rem; box-shadow: 0 8px 28px rgb(10 20 30 / 8%);
}
.company { margin: 0 0 1.25rem; color: var(--soft); font-weight: 600; letter-spacing: 0.01em; }
h1 { margin: 0 0 0.75rem; font-size: 1.45rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 1.25rem 0 0.25rem; font-size: 1.05rem; overflow-wrap: anywhere; }
p { margin: 0 0 0.9rem; overflow-wrap: anywhere; }
ul { margin: 0 0 1rem; padding-left: 1.2rem; }
li { margin: 0.2rem 0; overflow-wrap: anywhere; }
a { color: var(--accent); }
.soft { color: var(--soft); font-size: 0.92rem; }
.alert {
  padding: 0.7rem 0.9rem; border-radius: 8px; color: var(--alert); background: var(--alert-ground);
  border: 1px solid currentcolor;
}
label { display: block; margin: 0.9rem 0 0.3rem; font-weight: 600; }
input[type="text"], input[type="password"] {
  width: 100%; padding: 0.65rem 0.75rem; font: inherit; color: var(--text); background: var(--ground);
  border: 1px solid var(--soft); border-radius: 8px;
}
.buttons { display: flex; flex-wrap: wrap; gap: 0.75rem; margin-top: 1.4rem; }
button {
  flex: 1 1 9rem; padding: 0.7rem 1rem; font: inherit; font-weight: 600; cursor: pointer; border-radius: 8px;
  border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent);
}
button.quiet { background: transparent; color: var(--accent); }
button.plain {
  flex: none; width: auto; padding: 0.3rem 0; border: 0; background: none; color: var(--accent);
  font-weight: 400; text-decoration: underline;
}
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.app { border-top: 1px solid var(--line); padding-top: 0.25rem; margin-top: 1rem; }
`;
