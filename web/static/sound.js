// The sound of one recording: asks for permission (which puts the listen on record) before the first sample is loaded,
// and lets each side be heard louder, softer or not at all.

export function token() {
  return document.querySelector("meta[name=csrf-token]").content;
}

export async function post(url, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token() },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

export class Sound {
  constructor(element, listenUrl) {
    this.element = element;
    this.listenUrl = listenUrl;
    this.expires = 0;
    this.gains = null;
    this.volumes = { client: 1, firm: 1 };
    this.opening = null;
  }

  // Resolves when the element can play from `fromMs`; one request at a time.
  open(fromMs, purpose, told) {
    if (this.expires > Date.now() + 5000 && !this.element.error) return Promise.resolve();
    this.opening ??= this.#ask(fromMs, purpose, told).finally(() => { this.opening = null; });
    return this.opening;
  }

  async #ask(fromMs, purpose, told) {
    const asked = Date.now();
    const answer = await post(this.listenUrl, { from_ms: Math.round(fromMs), purpose });
    this.expires = asked + 25 * 60 * 1000; // the ticket holds 30 minutes
    told(answer.audit_number);
    const ready = new Promise((resolve, reject) => {
      this.element.addEventListener("loadedmetadata", resolve, { once: true });
      this.element.addEventListener("error", () => reject(new Error("sound")), { once: true });
    });
    this.element.preload = "auto";
    this.element.src = answer.url;
    this.element.load();
    await ready;
    this.element.currentTime = fromMs / 1000;
  }

  // Left is the client, right is our side; both are heard in both ears.
  connect() {
    if (this.gains) return;
    const audio = new AudioContext();
    const split = audio.createChannelSplitter(2);
    audio.createMediaElementSource(this.element).connect(split);
    this.gains = {};
    ["client", "firm"].forEach((channel, side) => {
      const gain = audio.createGain();
      gain.gain.value = this.volumes[channel];
      split.connect(gain, side);
      gain.connect(audio.destination);
      this.gains[channel] = gain;
    });
    this.audio = audio;
  }

  volume(channel, value) {
    this.volumes[channel] = value;
    if (this.gains) this.gains[channel].gain.value = value;
  }

  async play() {
    this.connect();
    await this.audio.resume();
    await this.element.play();
  }
}
