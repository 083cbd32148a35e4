// Candidates in an order of this visitor's own: drawn once for the visit, the same on every page
// and after every return, and independent of the order in which the server happened to send them.
// It stands behind the list as a plain script, so that nobody sees another order first.
{
  const SEED = "primaries.order";

  const drawSeed = () => crypto.getRandomValues(new Uint32Array(4)).join(".");

  const seedOfVisit = () => {
    try {
      const seed = sessionStorage.getItem(SEED) ?? drawSeed();
      sessionStorage.setItem(SEED, seed);
      return seed;
    } catch {
      return drawSeed(); // storage is forbidden here: an order for this page alone
    }
  };

  // A lot for each candidate: 32 bits in which every letter of seed and name is mixed.
  const lot = (text) => {
    let mixed = 0x811c9dc5;
    for (const letter of text) mixed = Math.imul(mixed ^ letter.codePointAt(0), 0x01000193);
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };

  for (const list of document.querySelectorAll("[data-order]")) {
    const seed = seedOfVisit();
    const drawn = [...list.children].map((item) => [lot(`${seed} ${item.dataset.id}`), item]);
    drawn.sort(([one], [other]) => one - other);
    list.append(...drawn.map(([, item]) => item));
  }

  // A page that was opened beside the ballot, in a tab of its own, can be closed by one press.
  const close = document.querySelector("[data-close]");
  if (close && history.length === 1) {
    close.hidden = false;
    close.addEventListener("click", () => window.close());
  }
}
