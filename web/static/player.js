// The player: sound, shape and transcript share one cursor; clicking any of them moves all.
import { typing } from "./keys.js";
import { Lanes } from "./lanes.js";
import { Sound, post } from "./sound.js";
import { Follower } from "./follower.js";

const box = document.getElementById("player");
const part = (id) => document.getElementById(id);
const durationMs = Number(box.dataset.duration);
const sound = new Sound(part("sound"), box.dataset.listen);
const lanes = new Lanes(part("lanes"), durationMs);
const follower = new Follower(part("lines"), part("follow"));
let waitingMs = Number(box.dataset.at); // where to start, until the sound is loaded

const nowMs = () => (sound.element.readyState ? sound.element.currentTime * 1000 : waitingMs);
const clock = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;

function show() {
  const ms = nowMs();
  lanes.draw(ms);
  part("now").value = clock(ms);
  part("seek").value = ms;
  part("seek").setAttribute("aria-valuetext", clock(ms));
  follower.at(ms);
}

function frame() {
  show();
  if (!sound.element.paused) requestAnimationFrame(frame);
}

function told(number) {
  part("link").hidden = false;
  part("link").querySelector("b").textContent = number;
}

async function play(fromMs = nowMs()) {
  try {
    await sound.open(fromMs, part("purpose").value, told);
    sound.element.playbackRate = Number(part("speed").value);
    await sound.play();
  } catch {
    part("said").textContent = box.dataset.failed;
  }
}

function seek(ms) {
  waitingMs = Math.min(Math.max(ms, 0), durationMs);
  if (sound.element.readyState) sound.element.currentTime = waitingMs / 1000;
  show();
}

function hear(ms) {
  seek(ms);
  follower.resume();
  play(waitingMs);
}

const toggle = () => (sound.element.paused ? play() : sound.element.pause());

function line(direction) {
  const next = follower.neighbour(nowMs(), direction);
  if (next) hear(Number(next.dataset.start));
}

const keys = {
  " ": toggle,
  ArrowLeft: () => seek(nowMs() - 5000),
  ArrowRight: () => seek(nowMs() + 5000),
  j: () => line(1),
  k: () => line(-1),
};

document.addEventListener("keydown", (event) => {
  const field = event.target;
  const own = field.matches("input[type=range]") && event.key.startsWith("Arrow");
  const pressing = event.key === " " && field.matches("a, summary, input, button:not(.lines button, #play)");
  if (typing(event) || own || pressing || part("keys").open || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
}, true);

sound.element.addEventListener("play", () => { part("play").textContent = box.dataset.pause; frame(); });
sound.element.addEventListener("pause", () => { part("play").textContent = box.dataset.play; show(); });
sound.element.addEventListener("seeked", show);
part("play").addEventListener("click", toggle);
part("back").addEventListener("click", () => seek(nowMs() - 5000));
part("on").addEventListener("click", () => seek(nowMs() + 5000));
part("seek").addEventListener("input", (event) => seek(Number(event.target.value)));
part("lanes").addEventListener("click", (event) => seek(lanes.msAt(event.clientX)));
part("speed").value = localStorage.getItem("speed") ?? "1";
part("speed").addEventListener("change", (event) => {
  sound.element.playbackRate = Number(event.target.value);
  localStorage.setItem("speed", event.target.value);
});

const mixed = (channel) => {
  const muted = document.querySelector(`[data-mute=${channel}]`).checked;
  sound.volume(channel, muted ? 0 : Number(document.querySelector(`[data-volume=${channel}]`).value));
};
for (const channel of ["client", "firm"]) {
  document.querySelector(`[data-volume=${channel}]`).addEventListener("input", () => mixed(channel));
  document.querySelector(`[data-mute=${channel}]`).addEventListener("change", () => mixed(channel));
}

document.querySelectorAll("[data-jump]").forEach((button) => {
  button.addEventListener("click", () => hear(Number(button.dataset.jump)));
});
follower.onChoose(hear);

part("verify").addEventListener("click", async (event) => {
  const { verify, good, bad, failed } = event.currentTarget.dataset;
  const verdict = part("verdict");
  try {
    const { ok, differences } = await post(verify, {});
    verdict.className = ok ? "good" : "bad";
    verdict.textContent = ok ? good : `${bad} ${differences.map((item) => item.words).join(" ")}`;
  } catch {
    verdict.className = "bad";
    verdict.textContent = failed;
  }
});

lanes.load(box.dataset.peaks);
show();
