"""How well spoken answers are understood: yes, no and digits over synthesised telephone speech; speech that is none.

Every clip of tests/data/answers goes through the end-pointing of a call, the recogniser and `understand`, under four
conditions: clean, through A-law, with 10 dB of room noise, with 5 % of the packets lost (the last two through A-law
too). A wrong accept is a sure value other than the spoken one, or any sure value where no answer was given: hedges and
other sentences of the corpus, the clips of real speech in tests/data/speech, and network announcements, the last two
at every kind of question. `accuracy` counts right answers taken at once; the ones that are read back are listed apart.
Limits were set on the `development` half; in the held-out one mostly other voices speak mostly other wordings (one
voice is in both at another speed, and so are the shortest answers). The last line of the output is one JSON object.
BENCH_QUICK=1: every sixth clip.

    python tests/benchmarks/voice/bench_voice.py [--split held_out|development] [--workers 2] [--texts FILE] [--wrong]

`--texts` keeps what was recognised in FILE and takes from there what it holds; `--wrong` lists what was not taken.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from zlib import crc32

import numpy as np
import soundfile
import yaml
from aiortp import get_codec

from core.settings import Settings, Transcribe
from dialer.calling.endpointing import Ended, Endpointer
from dialer.calling.voice import VoiceDetector
from dialer.calling.voice_answers import Utterance, hear_here
from ivr_flows.events import Candidate
from ivr_flows.model import VoiceTask
from ivr_flows.understanding import understand
from transcribe.choosing import choose
from transcribe.models import fetch
from transcribe.worker import prepare

DATA = Path(__file__).resolve().parents[2] / "data"
CONDITIONS = ("clean", "alaw", "noise10", "loss5")
KINDS = ("yes_no", "digits")
ANNOUNCEMENTS = 8  # every eighth clip of the announcements is asked as well
QUICK = 6
SAVED = 25  # readings between two savings of --texts
PCMA = 8
FRAME = 320
ROWS = ("taken", "read back", "nothing", "wrong read back", "wrong accept")


def corpus(split):
    """Every clip: name, language, voice, kind of question, value ("none": no answer) and sound."""
    sounds = {}
    for row in yaml.safe_load((DATA / "answers" / "manifest.yaml").read_text("utf-8")):
        if row["split"] != split:
            continue
        name = row["file"]
        if name not in sounds:
            sounds[name] = _read(DATA / "answers" / name)
        kind = "digits" if row["value"].isdigit() else "yes_no"
        sound = sounds[name][row["start"] : row["end"]]
        yield _clip(f"{name} {row['start']}", row["language"], row["voice"], kind, row["value"], row["text"], sound)
    yield from no_answers(split)


def no_answers(split):
    """Speech of real people and of networks: it answers nothing, whatever was asked."""
    real = sorted((DATA / "speech").glob("*.8k_alaw.wav"))
    networks = yaml.safe_load((DATA / "announcements" / "manifest.yaml").read_text("utf-8"))
    spoken = [row for row in networks if row["split"] == split][::ANNOUNCEMENTS]
    found = [(path, "en" if path.name.startswith("en") else "zh-CN", "real") for path in real]
    found += [(DATA / "announcements" / row["file"], row["language"], "network") for row in spoken]
    for path, language, voice in found:
        for kind in KINDS:
            yield _clip(path.name, language, voice, kind, "none", path.stem, _read(path))


def _clip(name, language, voice, kind, value, text, sound):
    return {
        "name": name,
        "language": language,
        "voice": voice,
        "kind": kind,
        "value": value,
        "text": text,
        "sound": sound,
    }


def utterances(clip, condition):
    """What a call would hand to the recogniser."""
    chance = np.random.default_rng(crc32(f"{clip['name']} {condition}".encode()))
    sound = np.concatenate([np.zeros(3200), clip["sound"], np.zeros(8000)])
    pcm = _line(sound, condition, chance)
    pointer = Endpointer(VoiceDetector())
    found = []
    for start in range(0, len(pcm) - FRAME + 1, FRAME):
        told = pointer.feed(pcm[start : start + FRAME], start // 16 + 20, digits=clip["kind"] == "digits")
        if isinstance(told, Ended):
            found.append(told.pcm)
    return found if clip["value"] == "none" else found[:1]


def _line(sound, condition, chance):
    if condition == "noise10":
        sound = sound + _noise(sound, 10.0, chance)
    pcm = np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()
    if condition == "clean":
        return pcm
    codec = get_codec(PCMA)
    pcm = codec.decode(codec.encode(pcm))
    if condition != "loss5":
        return pcm
    frames = [pcm[start : start + FRAME] for start in range(0, len(pcm), FRAME)]
    return b"".join(bytes(len(frame)) if chance.random() < 0.05 else frame for frame in frames)


def _noise(sound, snr_db, chance):
    """Room noise, which falls by 5 dB an octave (Hoth), so far below the loud parts of the speech."""
    powers = (sound[: len(sound) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1)
    loud = powers[powers > powers.max() / 100].mean()
    hertz = np.fft.rfftfreq(len(sound), 1 / 8000)
    white = np.fft.rfft(chance.normal(0.0, 1.0, len(sound)))
    noise = np.fft.irfft(white * np.maximum(hertz, 100.0) ** (-5 / 6.02), len(sound))
    return noise * np.sqrt(loud / (noise**2).mean()) * 10 ** (-snr_db / 20)


def _read(path):
    return soundfile.read(path, dtype="int16")[0].astype(float)


def _hear(asked):
    began = time.perf_counter()
    return [(one.text, one.confidence) for one in hear_here(asked)], time.perf_counter() - began


def recognise(clips, kept, workers, save):
    """The readings of every utterance of every clip, from ``kept`` where they stand there; seconds a piece."""
    missing = [(clip, condition) for clip in clips for condition in CONDITIONS if _key(clip, condition) not in kept]
    with tempfile.TemporaryDirectory() as models:
        if not fetch("whisper-base", Path(models)).present:
            raise SystemExit("whisper-base is not installed; run make test")
        settings = Settings(transcribe=Transcribe(models=models, engines="whisper"))
        jobs = []
        for clip, condition in missing:
            task = VoiceTask(clip["kind"], clip["language"])
            spec = choose(settings, clip["language"])
            jobs += [(_key(clip, condition), Utterance(pcm, task, spec)) for pcm in utterances(clip, condition)]
        with ProcessPoolExecutor(workers, initializer=prepare, initargs=(0,)) as pool:
            took = []
            for (key, _), (heard, seconds) in zip(jobs, pool.map(_hear, [job for _, job in jobs]), strict=True):
                kept.setdefault(key, []).append(heard)
                took.append(seconds)
                if len(took) % SAVED == 0:
                    save(kept)
        for clip, condition in missing:
            kept.setdefault(_key(clip, condition), [])  # nobody was heard to speak
        save(kept)
    return took


def _key(clip, condition):
    return f"{clip['name']} {clip['kind']} {condition}"


def judge(clip, heard):
    """One of ROWS for a clip: the worst that any of its utterances comes to."""
    found = []
    task = VoiceTask(clip["kind"], clip["language"])
    for readings in heard or [[]]:
        said = understand(task, [Candidate(text, confidence) for text, confidence in readings])
        right = said.value == clip["value"]
        if said.value is None:
            found.append("nothing")
        elif said.sure:
            found.append("taken" if right else "wrong accept")
        else:
            found.append("read back" if right else "wrong read back")
    return max(found, key=ROWS.index)


def run(split, workers, kept, save, listed):
    """Judge everything and print the tables; returns the JSON object of the last line."""
    began = time.perf_counter()
    clips = list(corpus(split))
    if os.environ.get("BENCH_QUICK") == "1":
        clips = clips[::QUICK]
    took = recognise(clips, kept, workers, save)
    tables = {"condition": {}, "language and kind": {}, "voice": {}}
    every, wrong = Counter(), []
    for clip in clips:
        for condition in CONDITIONS:
            heard = kept[_key(clip, condition)]
            row = judge(clip, heard)
            what = clip["kind"] if clip["value"] == "none" else {"digits": "digits"}.get(clip["kind"], clip["value"])
            answer = f"{clip['language']} {what}" + (", no answer" if clip["value"] == "none" else "")
            every["no answer" if clip["value"] == "none" else row] += 1
            every["wrong"] += row == "wrong accept"
            keys = (condition + (", no answer" if clip["value"] == "none" else ""), answer, clip["voice"])
            for table, key in zip(tables.values(), keys, strict=True):
                table.setdefault(key, Counter())[row] += 1
            if row == "wrong accept" or (listed and row != ("nothing" if clip["value"] == "none" else "taken")):
                wrong.append(f"{row}: {clip['text']} [{clip['value']}] {_key(clip, condition)}: {heard}")
    for title, rows in tables.items():
        _print(title, rows)
    print("\nTaken wrongly:" if not listed else "\nNot taken, or wrongly:", *wrong, sep="\n  ")
    return _figures(split, len(clips), every, took, time.perf_counter() - began)


def _figures(split, clips, every, took, seconds):
    answers = sum(every[row] for row in ROWS)
    return {
        "split": split,
        "wrong_accept_rate": round(every["wrong"] / (answers + every["no answer"]), 4),
        "accuracy": round(every["taken"] / answers, 4),
        "read_back_share": round(every["read back"] / answers, 4),
        "wrong_read_back_share": round(every["wrong read back"] / answers, 4),
        "nothing_share": round(every["nothing"] / answers, 4),
        "wrong_accepts": every["wrong"],
        "answers": answers,
        "no_answers": every["no answer"],
        "clips": clips,
        "recognise_median_s": round(float(np.median(took)), 2) if took else None,
        "seconds": round(seconds, 1),
    }


def _print(title, rows):
    print(f"\nBy {title}".ljust(33) + " ".join(f"{row:>16}" for row in ("clips", *ROWS)))
    for name in sorted(rows):
        print(
            f"{name:32}"
            + " ".join(f"{count:>16}" for count in (rows[name].total(), *(rows[name][row] for row in ROWS)))
        )


def main():
    """Print the tables and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="held_out", choices=("held_out", "development"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--wrong", action="store_true")
    asked = parser.parse_args()
    kept = json.loads(asked.texts.read_text("utf-8")) if asked.texts and asked.texts.exists() else {}

    def save(readings):
        if asked.texts:
            asked.texts.write_text(json.dumps(readings, ensure_ascii=False), "utf-8")

    figures = run(asked.split, asked.workers, kept, save, asked.wrong)
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
