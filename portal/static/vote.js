// The voter's way through the page: who you are, the code, the ballot, the receipt.
// Choices live in this page's memory only. What may be kept across a reload are sealed ballots and
// the key that makes a repeated sending count once; the session itself is a cookie no script reads.

import { ballotInfo, ballotPlaintext, canSeal, seal, tracker } from "./sealing.js";

const API = "/api/v1";
const PENDING = "primaries.pending-cast";
const SIGNED_IN = "primaries.signed-in";
const STAGES = { identify: 0, code: 1, ballot: 2, review: 2, uncertain: 2, done: 3 };

const root = document.querySelector("[data-vote]");
const one = (selector, within = root) => within.querySelector(selector);
const all = (selector, within = root) => [...within.querySelectorAll(selector)];

const state = { challenge: null, ballot: null, busy: false, timer: 0, unanswered: false };

/* Words and pieces of the page */

function words(name, facts = {}) {
  const found = one(`[data-word="${name}"]`);
  if (!found) return null;
  return found.textContent.replace(/\{(\w+)\}/g, (_whole, key) => String(facts[key] ?? ""));
}

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function show(step, { focus = true } = {}) {
  for (const section of all("[data-step]")) section.hidden = section.dataset.step !== step;
  tell(null);
  const stage = STAGES[step];
  const progress = one("[data-progress]");
  progress.hidden = stage === undefined;
  [...progress.children].forEach((item, place) => {
    item.classList.toggle("done", place < stage);
    if (place === stage) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
  if (focus) {
    const heading = one(`[data-step="${step}"] h2`);
    heading?.focus({ preventScroll: true });
    root.scrollIntoView({ block: "start" });
  }
}

function tell(text) {
  const status = one("[data-status]");
  status.hidden = !text;
  status.textContent = text ?? "";
}

function wrong(name, text) {
  const input = document.getElementById(name);
  const line = one(`[data-wrong="${name}"]`);
  line.hidden = !text;
  line.textContent = text ?? "";
  if (text) {
    input.setAttribute("aria-invalid", "true");
    input.focus();
  } else input.removeAttribute("aria-invalid");
}

function countDown(until, draw, over) {
  clearInterval(state.timer);
  const tick = () => {
    const left = Math.max(0, Math.round((until - Date.now()) / 1000));
    draw(left);
    if (left === 0) {
      clearInterval(state.timer);
      over?.();
    }
  };
  tick();
  state.timer = setInterval(tick, 1000);
}

/* Asking the server */

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function call(method, path, body, headers = {}) {
  const options = {
    method,
    headers: { Accept: "application/json", "Accept-Language": root.dataset.locale, ...headers },
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(30000),
  };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  const response = await fetch(API + path, options);
  const data = await response.json().catch(() => ({}));
  const wait = Number(response.headers.get("Retry-After")) || 0;
  return { status: response.status, data, wait };
}

// A server that is overloaded is asked again, later each time; nothing is repeated that could count twice.
async function persist(attempt, tries = 5) {
  for (let round = 0; ; round += 1) {
    let reply = null;
    try {
      reply = await attempt();
    } catch {
      reply = null;
    }
    const overloaded = reply && (reply.status === 502 || reply.status === 503 || reply.status === 504);
    if (reply && !overloaded) return reply;
    if (round + 1 >= tries) return reply;
    const seconds = Math.min(30, (reply?.wait || 2 ** round) + Math.random());
    tell(reply ? words("busy", { seconds: Math.ceil(seconds) }) : words("offline"));
    await pause(seconds);
  }
}

async function alone(button, work) {
  // One press, one act: a second press while the first is on its way does nothing.
  if (state.busy) return;
  state.busy = true;
  button?.setAttribute("aria-disabled", "true");
  try {
    await work();
  } catch (fault) {
    console.error(fault);
    tell(words("failed"));
  } finally {
    state.busy = false;
    button?.removeAttribute("aria-disabled");
  }
}

/* Refusals */

function refuse({ title, reasons, reference }) {
  one("[data-refused-title]").textContent = title ?? one("[data-refused-title]").textContent;
  const list = one("[data-reasons]");
  list.replaceChildren(
    ...reasons.map((reason) =>
      element("p", { textContent: words(`reason.${reason}`) ?? words("reason.other") }),
    ),
  );
  setReference(reference);
  one("[data-refused-reference]").hidden = !reference;
  show("refused");
}

function setReference(reference) {
  for (const place of all("[data-reference]")) place.textContent = reference ?? "";
}

function refusedByServer({ data }) {
  const reasons = data.reasons?.length ? data.reasons : [data.code ?? "other"];
  let title = null;
  if (reasons.includes("not_open")) title = words("not_open.title");
  else if (reasons.includes("rate_limited")) title = words("slow.title");
  refuse({ title, reasons, reference: data.reference });
}

/* Step 1: who you are */

async function identify() {
  const iin = document.getElementById("iin").value.replace(/[\s-]/g, "");
  const mobile = document.getElementById("mobile").value.trim();
  wrong("mobile", mobile.replace(/\D/g, "").length < 10 ? words("wrong.mobile") : null);
  wrong("iin", /^[0-9]{12}$/.test(iin) ? null : words("wrong.iin"));
  if (one('[data-form="identify"] [aria-invalid]')) return;
  tell(words("asking"));
  const reply = await persist(() => call("POST", "/sign-in", { iin, mobile }), 8);
  tell(null);
  if (!reply) return void tell(words("failed"));
  if (reply.status === 202) {
    state.challenge = reply.data.challenge;
    setReference(reply.data.reference);
    show("code");
    document.getElementById("code").value = "";
    document.getElementById("code").focus();
    countDown(Date.parse(reply.data.expires_at), drawCodeLeft);
    return;
  }
  const fields = [reply.data.code, ...(reply.data.reasons ?? [])].join(" ");
  if (reply.status === 400 || reply.status === 422) {
    const phone = /mobile/.test(fields);
    wrong("mobile", phone ? words("wrong.mobile") : null);
    wrong("iin", phone && !/iin/.test(fields) ? null : words("wrong.iin"));
  } else if (reply.status >= 500) tell(words("failed"));
  else refusedByServer(reply);
}

function drawCodeLeft(left) {
  one("[data-code-left]").textContent = left
    ? words("code.left", { minutes: Math.floor(left / 60), seconds: String(left % 60).padStart(2, "0") })
    : words("code.over");
}

/* Step 2: the code */

async function solve() {
  const code = document.getElementById("code").value.replace(/\D/g, "");
  wrong("code", code.length === 6 ? null : words("wrong.code"));
  if (code.length !== 6) return;
  tell(words("asking"));
  const path = `/sign-in/${encodeURIComponent(state.challenge)}`;
  const reply = await persist(() => call("POST", path, { code, cookie: true }), 3);
  tell(null);
  if (!reply || reply.status >= 500) return void tell(words("failed"));
  if (reply.status === 200) {
    sessionStorage.setItem(SIGNED_IN, "yes");
    document.getElementById("iin").value = "";
    document.getElementById("mobile").value = "";
    await fetchBallot();
    return;
  }
  if (Number.isInteger(reply.data.tries_left) && reply.data.tries_left > 0) {
    wrong("code", words("code.differs", { left: reply.data.tries_left }));
    document.getElementById("code").select();
  } else if (reply.data.code === "code_failed" || reply.data.reasons?.includes("code_failed")) {
    refuse({ reasons: ["code_failed"], reference: reply.data.reference });
  } else wrong("code", words("code.over"));
}

/* Step 3: the ballot */

async function fetchBallot() {
  tell(words("asking"));
  const reply = await persist(() => call("GET", "/ballot"));
  tell(null);
  if (!reply || reply.status >= 500) return void tell(words("failed"));
  if (reply.status === 401) return signInAgain();
  if (reply.status !== 200) return refusedByServer(reply);
  state.ballot = reply.data;
  if (!state.ballot.contests.length) return refuse({ title: words("none.title"), reasons: ["other"] });
  one("[data-contests]").replaceChildren(...state.ballot.contests.map(drawContest));
  show("ballot");
  countDown(Date.parse(state.ballot.expires_at), drawSessionLeft, signInAgain);
}

function drawSessionLeft(left) {
  one("[data-session-left]").textContent = words("session.left", { minutes: Math.ceil(left / 60) });
}

function signInAgain() {
  // Nothing is kept for whoever signs in next on this device: it may be another person.
  forget();
  state.ballot = null;
  one("[data-contests]").replaceChildren();
  one("[data-review]").replaceChildren();
  show("identify");
  tell(words("session.over"));
}

function forget() {
  clearInterval(state.timer);
  state.unanswered = false;
  sessionStorage.removeItem(PENDING);
  sessionStorage.removeItem(SIGNED_IN);
}

function drawContest(contest, place) {
  const single = contest.max_choices === 1;
  const hint = single ? words("choose.one") : words("choose.several", { most: contest.max_choices });
  const count = element("p", { className: "muted", "aria-live": "polite" });
  const group = element("fieldset", { "data-contest": contest.id }, element("legend", { textContent: contest.title }));
  group.append(element("p", { className: "hint", textContent: hint }));
  const choice = (value, text, about, blank) => {
    const input = element("input", { type: single ? "radio" : "checkbox", name: `contest-${place}`, value });
    if (blank) input.dataset.blank = "";
    const said = element("span", {}, element("span", { textContent: text }));
    if (about) said.append(element("span", { className: "about", textContent: about }));
    return element("label", { className: blank ? "choice blank" : "choice" }, input, said);
  };
  for (const candidate of contest.candidates) {
    const about = [candidate.nominated_by];
    if (candidate.birth_year) about.push(words("born", { year: candidate.birth_year }));
    group.append(choice(candidate.id, candidate.name, about.filter(Boolean).join(" · ")));
  }
  group.append(choice("", words("blank"), null, true));
  if (!single) group.append(count);
  group.addEventListener("change", (event) => {
    one("[data-incomplete]").hidden = true;
    limit(group, contest, event.target, count);
  });
  return group;
}

function limit(group, contest, changed, count) {
  if (contest.max_choices === 1) return;
  const blank = one("[data-blank]", group);
  const candidates = all("input:not([data-blank])", group);
  if (changed === blank && blank.checked) for (const input of candidates) input.checked = false;
  else if (changed !== blank && changed.checked) blank.checked = false;
  const chosen = candidates.filter((input) => input.checked).length;
  for (const input of candidates) input.disabled = !input.checked && chosen >= contest.max_choices;
  count.textContent = words("chosen", { count: chosen, most: contest.max_choices });
}

function choicesOf(contest) {
  const group = all("[data-contest]").find((found) => found.dataset.contest === contest.id);
  const checked = all("input:checked", group);
  if (!checked.length) return null;
  return checked.filter((input) => !("blank" in input.dataset)).map((input) => input.value);
}

function review() {
  const unchosen = state.ballot.contests.filter((contest) => choicesOf(contest) === null);
  const incomplete = one("[data-incomplete]");
  incomplete.hidden = !unchosen.length;
  if (unchosen.length) {
    incomplete.textContent = words("incomplete", { contests: unchosen.map((c) => c.title).join(", ") });
    const group = all("[data-contest]").find((found) => found.dataset.contest === unchosen[0].id);
    one("input", group).focus();
    return;
  }
  one("[data-review]").replaceChildren(
    ...state.ballot.contests.map((contest) => {
      const chosen = choicesOf(contest);
      const names = contest.candidates.filter((c) => chosen.includes(c.id)).map((c) => c.name);
      const list = element("ul", { className: "chosen" });
      for (const name of names.length ? names : [words("blank")]) {
        list.append(element("li", { textContent: name }));
      }
      return element("div", { className: "panel" }, element("h3", { textContent: contest.title }), list);
    }),
  );
  show("review");
}

/* Sealing and casting */

const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
const unbase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

async function sealAll() {
  const publicKey = unbase64(state.ballot.public_key);
  const ballots = [];
  for (const contest of state.ballot.contests) {
    const info = ballotInfo(state.ballot.primary, contest.id);
    const plaintext = ballotPlaintext(contest.id, choicesOf(contest) ?? [], contest.size);
    ballots.push({ contest: contest.id, sealed: base64(await seal(publicKey, info, plaintext)) });
  }
  const titles = Object.fromEntries(state.ballot.contests.map((c) => [c.id, c.title]));
  const pending = { key: crypto.randomUUID(), ballots, titles };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  return pending;
}

async function cast() {
  tell(words("sealing"));
  for (let round = 0; round < 3; round += 1) {
    const reply = await send(await sealAll());
    // A sealed ballot that somebody copied claims nothing; sealed anew it is another one.
    if (reply?.data.code !== "sealed_ballot_repeated") return settle(reply);
  }
  return settle(null);
}

function send({ key, ballots }) {
  return persist(async () => {
    const before = state.unanswered;
    state.unanswered = true;
    const reply = await call("POST", "/ballot", { ballots }, { "Idempotency-Key": key });
    if (reply.status < 500) state.unanswered = before;
    return reply;
  });
}

async function resend() {
  state.unanswered = true;
  tell(words("sealing"));
  await settle(await send(JSON.parse(sessionStorage.getItem(PENDING))));
}

async function settle(reply) {
  const pending = JSON.parse(sessionStorage.getItem(PENDING));
  tell(null);
  const isOver = reply?.status === 401;
  if (!reply || reply.status >= 500 || (isOver && state.unanswered)) {
    // An earlier sending may have been stored: its tracker is the only way to know.
    one("[data-trackers-unsure]").replaceChildren(...(await receipts(pending)));
    show("uncertain");
    one("[data-resend]").hidden = isOver;
    one("[data-session-over]").hidden = !isOver;
  } else if (reply.status === 200 || reply.status === 201) {
    const own = await receipts(pending, reply.data.trackers);
    forget();
    one("[data-trackers]").replaceChildren(...own);
    one("[data-cast-at]").textContent = written(new Date());
    one("[data-contests]").replaceChildren();
    one("[data-review]").replaceChildren();
    state.ballot = null;
    show("done");
  } else if (isOver) signInAgain();
  else {
    forget();
    refusedByServer(reply);
  }
}

async function receipts(pending, answered = null) {
  const cards = [];
  for (const { contest, sealed } of pending.ballots) {
    const own = await tracker(unbase64(sealed));
    const told = answered?.find((entry) => entry.contest === contest)?.tracker ?? own;
    const card = element(
      "div", { className: "tracker-card" },
      element("div", { textContent: pending.titles[contest] ?? contest }),
      element("div", { className: "muted small", textContent: words("tracker") }),
      element("div", { className: "tracker-text", textContent: grouped(own), "data-tracker": own }),
    );
    if (told !== own) {
      card.append(
        element("p", { className: "wrong", textContent: words("differs") }),
        element("div", { className: "tracker-text", textContent: grouped(told) }),
      );
    }
    cards.push(card);
  }
  return cards;
}

// Every browser spells dates of a language in its own way; the site has one.
function written(date) {
  const two = (number) => String(number).padStart(2, "0");
  const day = `${two(date.getDate())}.${two(date.getMonth() + 1)}.${date.getFullYear()}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const grouped = (letters) => letters.match(/.{1,4}/g).join(" ");

/* Presses and start */

const forms = { identify, code: solve, ballot: async () => review() };
for (const form of all("[data-form]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    alone(one('button[type="submit"]', form), forms[form.dataset.form]);
  });
}

const actions = {
  cast,
  resend,
  change: async () => show("ballot"),
  print: async () => globalThis.print(),
  restart: async () => {
    forget();
    show("identify");
  },
};
root.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button) alone(button, actions[button.dataset.action]);
});

async function start() {
  if (!canSeal()) return show("unable", { focus: false });
  const pending = sessionStorage.getItem(PENDING);
  if (pending) {
    one("[data-trackers-unsure]").replaceChildren(...(await receipts(JSON.parse(pending))));
    return show("uncertain", { focus: false });
  }
  if (sessionStorage.getItem(SIGNED_IN)) return fetchBallot();
  return show("identify", { focus: false });
}

await start();
