// Pieces of the voter's page: its steps, its fields, its words. The script holds no words of its own.

export const root = document.querySelector("[data-vote]");
export const one = (selector, within = root) => within.querySelector(selector);
export const all = (selector, within = root) => [...within.querySelectorAll(selector)];
export const field = (name) => document.getElementById(name);

const STAGES = { identify: 0, code: 1, ballot: 2, review: 2, moved: 2, uncertain: 2, done: 3 };

export function words(name, facts = {}) {
  const found = one(`[data-word="${name}"]`);
  if (!found) return null;
  return found.textContent.replace(/\{(\w+)\}/g, (_whole, key) => String(facts[key] ?? ""));
}

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export const step = () => root.dataset.at;

export function show(name, { focus = true } = {}) {
  root.dataset.at = name;
  for (const section of all("[data-step]")) section.hidden = section.dataset.step !== name;
  tell(null);
  const stage = STAGES[name];
  const progress = one("[data-progress]");
  progress.hidden = stage === undefined;
  [...progress.children].forEach((item, place) => {
    item.classList.toggle("done", place < stage);
    if (place === stage) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
  if (focus) {
    one(`[data-step="${name}"] h2`)?.focus({ preventScroll: true });
    root.scrollIntoView({ block: "start" });
  }
}

export function tell(text) {
  const status = one("[data-status]");
  if (status.textContent === text) return; // said again, it would be read out again
  status.hidden = !text;
  status.textContent = text ?? "";
}

export function wrong(name, text) {
  const input = field(name);
  const line = one(`[data-wrong="${name}"]`);
  line.hidden = !text;
  line.textContent = text ?? "";
  if (text) {
    input.setAttribute("aria-invalid", "true");
    input.focus();
  } else input.removeAttribute("aria-invalid");
}

export const clockTime = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
