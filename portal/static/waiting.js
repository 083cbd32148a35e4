// The waiting page: asks for its turn when the server said to, and leads on when it has come.

import { call } from "./calls.js";
import { about, place, waitFor } from "./line.js";

// Who has a challenge, a session or an unanswered cast in this tab does not wait: see vote.js.
const BEGUN = ["primaries.challenge", "primaries.signed-in", "primaries.pending-cast"];
const UNANSWERED = { wait: 10, data: { wait_seconds: 10 } };

const turn = document.querySelector("[data-turn]");

function tell(name, facts = {}) {
  const sentence = document.querySelector(`[data-word="${name}"]`).textContent;
  const text = sentence.replace(/\{(\w+)\}/g, (_whole, key) => String(facts[key]));
  if (turn.textContent !== text) turn.textContent = text; // said again, it would be read out again
}

function tellTurn(seconds) {
  const left = about(seconds);
  tell(left.minutes ? "turn.minutes" : "turn.seconds", left);
}

async function asked() {
  try {
    return await call("GET", "/waiting", undefined, place());
  } catch {
    return null;
  }
}

function goOn() {
  tell("turn.come");
  const query = new URLSearchParams(location.search);
  query.set("turn", "");
  location.replace(`${location.pathname}?${query}`);
}

async function stand() {
  while (!BEGUN.some((name) => sessionStorage.getItem(name))) {
    const reply = await asked();
    if (reply?.data.due) break;
    if (reply?.status === 200) await waitFor(reply, tellTurn);
    else await waitFor(UNANSWERED, () => tell("offline"));
  }
  goOn();
}

// In another language too this is a polling place's computer, or is not.
for (const link of document.querySelectorAll(".languages a")) link.search = location.search;

await stand();
