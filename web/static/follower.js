// The transcript follows the sound until the reader scrolls; it follows again only when asked to.

export class Follower {
  constructor(list, chip) {
    this.list = list;
    this.chip = chip;
    this.lines = list ? [...list.children] : [];
    this.following = true;
    this.current = null;
    if (!list) return;
    for (const sign of ["wheel", "touchmove", "pointerdown"]) list.addEventListener(sign, (event) => this.#yield(event), { passive: true });
    list.addEventListener("keydown", (event) => {
      if (["PageUp", "PageDown", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) this.#yield(event);
    });
    chip.addEventListener("click", () => this.resume());
  }

  onChoose(hear) {
    for (const item of this.lines) {
      item.firstElementChild.addEventListener("click", () => hear(Number(item.dataset.start)));
    }
  }

  at(ms) {
    const line = this.#lineAt(ms);
    if (line === this.current) return;
    this.current?.classList.remove("now");
    this.current?.firstElementChild.removeAttribute("aria-current");
    this.current = line;
    if (!line) return;
    line.classList.add("now");
    line.firstElementChild.setAttribute("aria-current", "true");
    if (this.following) this.#bring(line);
    else this.chip.hidden = false;
  }

  resume() {
    this.following = true;
    if (this.chip) this.chip.hidden = true;
    if (this.current) this.#bring(this.current);
  }

  neighbour(ms, direction) {
    const here = this.lines.indexOf(this.current ?? this.#lineAt(ms));
    return this.lines[here < 0 ? 0 : here + direction];
  }

  // The last line that has begun: in a pause the line before it stays lit.
  #lineAt(ms) {
    return this.lines.findLast((line) => Number(line.dataset.start) <= ms + 50) ?? null;
  }

  #yield(event) {
    if (event.type === "pointerdown" && event.target !== this.list) return; // a click on a line is not scrolling
    this.following = false;
    this.chip.hidden = false;
  }

  // Only when it left the middle band, and inside the list: the page itself never moves.
  #bring(line) {
    const top = line.offsetTop - this.list.offsetTop - this.list.scrollTop;
    const band = this.list.clientHeight * 0.2;
    if (top < band || top + line.offsetHeight > this.list.clientHeight - band) {
      this.list.scrollTop += top - this.list.clientHeight / 2 + line.offsetHeight / 2;
    }
  }
}
