// The voter's way through the page: who you are, the code, the ballot, the receipt.
// Choices live in this page's memory only. What may be kept across a reload are sealed ballots and
// the key that makes a repeated sending count once; the session itself is a cookie no script reads.
// Whoever leaves the page or falls silent is signed out, and nothing of them stays.

import { choicesOf, drawChoice, drawContest, groupOf } from "./ballot.js";
import { call, now, persist, signOut } from "./calls.js";
import { about, leaveLine, place } from "./line.js";
import { all, clockTime, element, field, one, root, show, step, tell, words, wrong } from "./page.js";
import { ballotInfo, ballotPlaintext, canSeal, seal, tracker } from "./sealing.js";
import { watch } from "./watch.js";

const PENDING = "primaries.pending-cast";
const SIGNED_IN = "primaries.signed-in";
const CHALLENGE = "primaries.challenge";

// A polling place's computer: the next voter is waiting and must find nothing of the one before.
const terminal = new URLSearchParams(location.search).has("terminal");
const LIMITS = terminal ? { quiet: 60, warning: 30 } : { quiet: 300, warning: 60 };
const UNTOUCHED = ["unable", "ended"];
const OWN_DEVICE_WATCHED = ["code", "ballot", "review", "moved"];

const EMPTY = { challenge: null, ballot: null, unanswered: false };
const state = { ...EMPTY, busy: false, staying: false, timer: 0 };
const kept = (name) => JSON.parse(sessionStorage.getItem(name));
const keep = (name, value) => sessionStorage.setItem(name, JSON.stringify(value));

function countDown(until, draw, over) {
  clearInterval(state.timer);
  const tick = () => {
    const left = Math.max(0, Math.floor((Date.parse(until) - now()) / 1000));
    draw(left);
    if (left === 0) {
      clearInterval(state.timer);
      over?.();
    }
  };
  state.timer = setInterval(tick, 1000);
  tick();
}

function told(seconds, inLine) {
  const left = about(seconds);
  if (inLine) tell(left.minutes ? words("turn.minutes", left) : words("turn.seconds", left));
  else tell(seconds ? words("busy", { seconds }) : words("offline"));
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

function refuse({ title = words("refused"), reasons, reference }) {
  one("[data-refused-title]").textContent = title;
  one("[data-reasons]").replaceChildren(
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
  let title;
  if (reasons.includes("not_open")) title = words("not_open.title");
  else if (reasons.includes("rate_limited")) title = words("slow.title");
  refuse({ title, reasons, reference: data.reference });
}

/* Step 1: who you are */

async function identify() {
  const iin = field("iin").value.replace(/[\s-]/g, "");
  const mobile = field("mobile").value.trim();
  wrong("mobile", mobile.replace(/\D/g, "").length < 10 ? words("wrong.mobile") : null);
  wrong("iin", /^[0-9]{12}$/.test(iin) ? null : words("wrong.iin"));
  if (one('[data-form="identify"] [aria-invalid]')) return;
  tell(words("asking"));
  // Never repeated blindly: each request that arrives may send a code.
  const asked = () => call("POST", "/sign-in", { iin, mobile }, place());
  const reply = await persist(asked, { tries: 8, blind: false, told });
  tell(null);
  if (!reply) return tell(words("unsent"));
  if (reply.status === 202) {
    // Told of the address alone: no code comes where no vote would be taken.
    const { reasons = [], reference } = reply.data;
    return reasons.length ? refuse({ reasons, reference }) : askForCode(reply.data);
  }
  const fields = [reply.data.code, ...(reply.data.reasons ?? [])].join(" ");
  if (reply.status === 400 || reply.status === 422) {
    const phone = /mobile/.test(fields);
    wrong("mobile", phone ? words("wrong.mobile") : null);
    wrong("iin", phone && !/iin/.test(fields) ? null : words("wrong.iin"));
  } else if (reply.status >= 500) tell(reply.data.title ?? words("failed"));
  else refusedByServer(reply);
}

/* Step 2: the code */

function askForCode({ challenge, expires_at, reference }) {
  state.challenge = challenge;
  // Who reads the SMS in another window may find this page loaded anew.
  if (!terminal) keep(CHALLENGE, { challenge, expires_at, reference });
  setReference(reference);
  show("code");
  awaitCode("code", expires_at);
}

function awaitCode(name, expiresAt) {
  field(name).value = "";
  wrong(name, null);
  field(name).focus();
  countDown(expiresAt, (left) => {
    one(`[data-left="${name}"]`).textContent = left
      ? words("code.left", { left: clockTime(left) })
      : words("code.over");
  });
}

/** Brings the code in the field `name`; gives the answer, or null after saying what is wrong. */
async function bringCode(name, headers) {
  const code = field(name).value.replace(/\D/g, "");
  wrong(name, code.length === 6 ? null : words("wrong.code"));
  if (code.length !== 6) return null;
  tell(words("asking"));
  const path = `/sign-in/${encodeURIComponent(state.challenge)}`;
  const brought = () => call("POST", path, { code, cookie: true }, headers);
  const reply = await persist(brought, { tries: 3, told });
  tell(null);
  if (!reply || reply.status >= 500) tell(words("failed"));
  else if (reply.status === 200 || reply.status === 401) return reply;
  else if (reply.data.tries_left > 0) {
    wrong(name, words("code.differs", { left: reply.data.tries_left }));
    field(name).select();
  } else if (reply.data.code === "code_failed") return reply;
  else if (reply.data.code === "address_used") {
    setReference(reply.data.reference);
    tell(words("held", { time: written(Date.parse(reply.data.retry_at)).slice(-5) }));
  }
  else wrong(name, words("code.over"));
  return null;
}

async function solve() {
  if (kept(SIGNED_IN)) return fetchBallot();
  const reply = await bringCode("code");
  if (!reply) return;
  if (reply.status !== 200) {
    forget();
    return refusedByServer(reply);
  }
  sessionStorage.removeItem(CHALLENGE);
  leaveLine();
  keep(SIGNED_IN, true);
  for (const form of all("form")) form.reset();
  return fetchBallot();
}

/* Step 3: the ballot */

async function fetchBallot() {
  tell(words("asking"));
  const reply = await persist(() => call("GET", "/ballot"), { tries: 30, told });
  tell(null);
  if (!reply || reply.status >= 500) return tell(words("failed"));
  if (reply.status === 401) return signInAgain();
  if (reply.status !== 200) {
    // Before the opening the way ends here: who came this far can vote.
    const isChecked = "checking" in root.dataset && reply.data.code === "not_open";
    leave();
    return isChecked ? show("checked") : refusedByServer(reply);
  }
  state.ballot = reply.data;
  if (!state.ballot.contests.length) {
    leave();
    return refuse({ title: words("none.title"), reasons: ["other"] });
  }
  one("[data-contests]").replaceChildren(...state.ballot.contests.map(drawContest));
  show("ballot");
  countDown(state.ballot.expires_at, drawSessionLeft, endSession);
}

function endSession() {
  // A cast that is under way is answered by the server; its trackers stay whatever the time.
  if (!state.busy && ["ballot", "review"].includes(step())) signInAgain();
}

function drawSessionLeft(left) {
  const text = words("session.left", { minutes: Math.ceil(left / 60) });
  for (const place of all("[data-session-left]")) place.textContent = text;
}

function signInAgain() {
  // Nothing is kept for whoever signs in next on this device: it may be another person.
  leave();
  show("identify");
  tell(words("session.over"));
}

function review() {
  const unchosen = state.ballot.contests.filter((contest) => choicesOf(contest) === null);
  const incomplete = one("[data-incomplete]");
  incomplete.hidden = !unchosen.length;
  if (unchosen.length) {
    incomplete.textContent = words("incomplete", { contests: unchosen.map((c) => c.title).join(", ") });
    one("input", groupOf(unchosen[0])).focus();
    return;
  }
  one("[data-review]").replaceChildren(...state.ballot.contests.map(drawChoice));
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
  const key = base64(crypto.getRandomValues(new Uint8Array(24)));
  keep(PENDING, { key, ballots, titles });
}

async function cast() {
  tell(words("sealing"));
  for (let round = 0; round < 3; round += 1) {
    await sealAll();
    const reply = await send();
    // A sealed ballot that somebody copied claims nothing; sealed anew it is another one.
    if (reply?.data.code !== "sealed_ballot_repeated") return settle(reply);
  }
  return settle(null);
}

function send() {
  const { key, ballots } = kept(PENDING);
  const sent = async () => {
    const before = state.unanswered;
    state.unanswered = true;
    const reply = await call("POST", "/ballot", { ballots }, { "Idempotency-Key": key });
    if (reply.status < 500) state.unanswered = before;
    return reply;
  };
  return persist(sent, { told });
}

/** Sends the same sealed ballots under the same key: counted once, however often they arrive. */
async function resend() {
  tell(words("sealing"));
  await settle(await send());
}

async function settle(reply) {
  tell(null);
  const isOver = reply?.status === 401;
  if (!reply || reply.status >= 500 || (isOver && state.unanswered)) await drawUncertain(isOver);
  else if (reply.status === 200 || reply.status === 201) await drawReceipt(reply.data.trackers);
  else if (reply.data.code === "address_changed") {
    state.challenge = reply.data.challenge;
    show("moved");
    awaitCode("moved-code", reply.data.expires_at);
  } else if (isOver) signInAgain();
  else {
    leave();
    refusedByServer(reply);
  }
}

async function solveMoved() {
  const reply = await bringCode("moved-code", { "Idempotency-Key": kept(PENDING).key });
  if (reply?.status === 200) return resend();
  if (reply) return settle(reply);
}

async function drawUncertain(isOver) {
  // An earlier sending may have been stored: its tracker is the only way to know.
  state.unanswered = true;
  one("[data-trackers-unsure]").replaceChildren(...(await receipts()));
  show("uncertain");
  one("[data-resend]").hidden = isOver;
  one("[data-session-over]").hidden = !isOver;
}

async function drawReceipt(trackers) {
  const own = await receipts(trackers);
  forget();
  one("[data-trackers]").replaceChildren(...own);
  one("[data-cast-at]").textContent = written(now());
  show("done");
}

async function receipts(answered = null) {
  const { ballots, titles } = kept(PENDING);
  const cards = [];
  for (const { contest, sealed } of ballots) {
    const own = await tracker(unbase64(sealed));
    const answer = answered?.find((entry) => entry.contest === contest)?.tracker ?? own;
    const card = element(
      "div", { className: "tracker-card" },
      element("div", { textContent: titles[contest] ?? contest }),
      element("div", { className: "muted small", textContent: words("tracker") }),
      element("div", { className: "tracker-text", textContent: grouped(own), "data-tracker": own }),
    );
    if (answer !== own) {
      card.append(
        element("p", { className: "wrong", textContent: words("differs") }),
        element("div", { className: "tracker-text", textContent: grouped(answer) }),
      );
    }
    cards.push(card);
  }
  return cards;
}

// In the primary's zone, whatever this device is set to, and spelled as everywhere on the site.
function written(instant) {
  const there = new Date(instant + Number(root.dataset.offset) * 60000);
  const [, year, month, day, time] = /^(\d+)-(\d+)-(\d+)T(\d+:\d+)/.exec(there.toISOString());
  return `${day}.${month}.${year} ${time}`;
}

const grouped = (letters) => letters.match(/.{1,4}/g).join(" ");

/* Leaving */

function clear() {
  clearInterval(state.timer);
  Object.assign(state, EMPTY);
  for (const form of all("form")) form.reset();
  for (const name of ["iin", "mobile", "code", "moved-code"]) wrong(name, null);
  for (const place of all("[data-contests], [data-review], [data-trackers], [data-trackers-unsure]")) {
    place.replaceChildren();
  }
  setReference(null);
}

function forget() {
  clear();
  for (const name of [PENDING, SIGNED_IN, CHALLENGE]) sessionStorage.removeItem(name);
}

function leave() {
  if (kept(SIGNED_IN)) signOut();
  forget();
}

function restart() {
  leave();
  // On a shared computer the next voter gets a page that was never anybody's.
  if (terminal) location.replace(location.href);
  else show("identify");
}

function end() {
  stay();
  leave();
  leaveLine();
  if (terminal) location.replace(location.href);
  else show("ended");
}

function isOccupied() {
  if (state.busy || UNTOUCHED.includes(step())) return false;
  if (!terminal) return OWN_DEVICE_WATCHED.includes(step());
  return step() !== "identify" || Boolean(field("iin").value || field("mobile").value);
}

const dialog = one("[data-idle]");
const title = document.title;

function warn(left) {
  document.title = left === null ? title : words("idle.title");
  one("[data-idle-left]").textContent = words("idle.left", { left: clockTime(left ?? 0) });
  if (dialog.hasAttribute("open") === (left !== null)) return;
  if (dialog.showModal) dialog[left === null ? "close" : "showModal"]();
  else dialog.toggleAttribute("open"); // browsers before 2022
}

const stay = watch({ ...LIMITS, isOccupied, warn, over: end });
one("[data-stay]").addEventListener("click", stay);
dialog.addEventListener("cancel", stay);

// A reload or another language is no leaving, but on a shared computer everything is.
const languages = all(".languages a", document);
for (const link of languages) {
  link.search = location.search;
  link.addEventListener("click", () => { state.staying = true; });
}
globalThis.navigation?.addEventListener("navigate", ({ navigationType, destination }) => {
  const isOther = languages.some((link) => link.href === destination.url);
  state.staying = isOther || navigationType === "reload";
});
addEventListener("pagehide", () => {
  // What was sent and not answered must be found again: see drawUncertain.
  if (state.unanswered || (state.staying && !terminal)) clear();
  else leave();
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});

/* Presses and start */

const forms = { identify, code: solve, moved: solveMoved, ballot: async () => review() };
for (const form of all("[data-form]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    alone(one('button[type="submit"]', form), forms[form.dataset.form]);
  });
}
one("[data-contests]").addEventListener("change", () => { one("[data-incomplete]").hidden = true; });

const actions = {
  cast,
  resend,
  another: resend,
  change: async () => show("ballot"),
  print: async () => globalThis.print(),
  restart: async () => restart(),
  end: async () => end(),
};
root.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button) alone(button, actions[button.dataset.action]);
});

async function start() {
  document.documentElement.classList.toggle("terminal", terminal);
  if (!canSeal()) return show("unable", { focus: false });
  if (kept(PENDING)) return drawUncertain(false);
  if (kept(SIGNED_IN)) return fetchBallot();
  const asked = kept(CHALLENGE);
  if (asked && Date.parse(asked.expires_at) > now()) return askForCode(asked);
  return show("identify", { focus: false });
}

start();
