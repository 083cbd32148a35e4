// The ballot on the page: its contests drawn, its choices read. What is chosen never leaves here open.

import { all, element, one, words } from "./page.js";

/** One contest as a group of choices, with a way to each candidate's page. */
export function drawContest(contest, place) {
  const single = contest.max_choices === 1;
  const hint = single ? words("choose.one") : words("choose.several", { most: contest.max_choices });
  const count = element("p", { className: "muted", "aria-live": "polite" });
  const group = element("fieldset", { "data-contest": contest.id }, element("legend", { textContent: contest.title }));
  group.append(element("p", { className: "hint", textContent: hint }));
  const choice = (value, text, about = "") => {
    const input = element("input", { type: single ? "radio" : "checkbox", name: `contest-${place}`, value });
    const said = element("span", {}, element("span", { textContent: text }));
    if (about) said.append(element("span", { className: "about", textContent: about }));
    return element("label", { className: "choice" }, input, said);
  };
  for (const candidate of contest.candidates) {
    const about = [candidate.nominated_by];
    if (candidate.birth_year) about.push(words("born", { year: candidate.birth_year }));
    const label = choice(candidate.id, candidate.name, about.filter(Boolean).join(" · "));
    group.append(element("div", { className: "option" }, label, wayToPage(contest, candidate)));
  }
  const blank = choice("", words("blank"));
  one("input", blank).dataset.blank = "";
  group.append(element("div", { className: "option blank" }, blank));
  if (!single) group.append(count);
  group.addEventListener("change", (event) => limit(group, contest, event.target, count));
  return group;
}

// In a tab of its own: what is chosen here stays here.
function wayToPage(contest, candidate) {
  const parts = [document.documentElement.lang, "candidates", contest.id, candidate.id];
  return element("a", {
    className: "about-candidate",
    href: `/${parts.map(encodeURIComponent).join("/")}`,
    target: "_blank",
    rel: "noopener",
    textContent: words("about"),
    "aria-label": words("about.whom", { name: candidate.name }),
  });
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

export const groupOf = (contest) =>
  all("[data-contest]").find((found) => found.dataset.contest === contest.id);

/** The chosen candidates' ids; none for a blank ballot, null where nothing is marked yet. */
export function choicesOf(contest) {
  const checked = all("input:checked", groupOf(contest));
  if (!checked.length) return null;
  return checked.filter((input) => !("blank" in input.dataset)).map((input) => input.value);
}

/** What was chosen in a contest, to be looked over before it is sealed. */
export function drawChoice(contest) {
  const chosen = choicesOf(contest);
  const names = contest.candidates.filter((c) => chosen.includes(c.id)).map((c) => c.name);
  const list = element("ul", { className: "chosen" });
  for (const name of names.length ? names : [words("blank")]) {
    list.append(element("li", { textContent: name }));
  }
  return element("div", { className: "panel" }, element("h3", { textContent: contest.title }), list);
}
