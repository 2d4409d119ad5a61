// The shape of both channels, one lane each, drawn from peaks that the server computed; one cursor over both.

export class Lanes {
  constructor(canvas, durationMs) {
    this.canvas = canvas;
    this.durationMs = durationMs;
    this.peaks = { client: [], firm: [] };
    const style = getComputedStyle(document.documentElement);
    this.colours = Object.fromEntries(["client", "firm", "ink"].map((name) => [name, style.getPropertyValue(`--${name}`)]));
    new ResizeObserver(() => this.draw(this.atMs ?? 0)).observe(canvas);
  }

  async load(url) {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (answer.ok) this.peaks = await answer.json();
    this.draw(this.atMs ?? 0);
  }

  msAt(x) {
    const box = this.canvas.getBoundingClientRect();
    return Math.min(Math.max((x - box.left) / box.width, 0), 1) * this.durationMs;
  }

  draw(atMs) {
    this.atMs = atMs;
    const { canvas } = this;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== width * scale) [canvas.width, canvas.height] = [width * scale, height * scale];
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const played = this.durationMs ? (atMs / this.durationMs) * width : 0;
    this.#lane(pen, this.peaks.client, this.colours.client, height / 4, height / 4 - 3, width, played);
    this.#lane(pen, this.peaks.firm, this.colours.firm, (3 * height) / 4, height / 4 - 3, width, played);
    pen.globalAlpha = 1;
    pen.fillStyle = this.colours.ink;
    pen.fillRect(Math.min(played, width - 2), 0, 2, height);
  }

  #lane(pen, peaks, colour, middle, room, width, played) {
    pen.fillStyle = colour;
    pen.globalAlpha = 0.35;
    pen.fillRect(0, middle, width, 1);
    for (let x = 0; x < width; x += 2) {
      const first = Math.floor((x / width) * peaks.length);
      const last = Math.max(first + 1, Math.floor(((x + 2) / width) * peaks.length));
      const loud = Math.sqrt(Math.max(0, ...peaks.slice(first, last))) * room; // square root: speech is mostly soft
      pen.globalAlpha = x <= played ? 1 : 0.5;
      if (loud > 0.5) pen.fillRect(x, middle - loud, 1.5, loud * 2);
    }
  }
}
