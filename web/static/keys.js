// Keys of every page: "?" opens the sheet, "/" goes to the search, j and k walk through rows, n and p through calls.
// Single letters do nothing while somebody types.

const sheet = document.getElementById("keys");

export function typing(event) {
  const field = event.target;
  return event.ctrlKey || event.metaKey || event.altKey || field.isContentEditable
    || field.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
}

function step(direction) {
  const links = [...document.querySelectorAll("[data-rows] tbody tr, [data-rows] > li")].map((row) => row.querySelector("a"));
  if (!links.length) return false;
  const here = links.indexOf(document.activeElement);
  const next = here < 0 ? (direction > 0 ? 0 : links.length - 1) : here + direction;
  links[Math.min(Math.max(next, 0), links.length - 1)].focus();
  return true;
}

function follow(selector) {
  const link = document.querySelector(selector);
  if (link) link.click();
  return Boolean(link);
}

function search() {
  const words = document.getElementById("words");
  if (!words) return follow("[data-search]");
  words.focus();
  words.select();
  return true;
}

const actions = {
  "?": () => (sheet.showModal(), true),
  "/": search,
  j: () => step(1),
  k: () => step(-1),
  n: () => follow("[data-next]"),
  p: () => follow("[data-previous]"),
};

document.addEventListener("keydown", (event) => {
  if (typing(event) || sheet.open || event.defaultPrevented) return;
  if (actions[event.key]?.()) event.preventDefault();
});
document.querySelector("[data-keys-open]").addEventListener("click", () => sheet.showModal());
