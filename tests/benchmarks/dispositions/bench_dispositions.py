"""How well early media is understood: every class of announcement and tone, clean and at 20 and 10 dB, through A-law.

The real recogniser reads every clip of tests/data/announcements in two processes; ``judge_early`` judges sound and
text, and has those listened to again that ``huifang transcribe`` would have (``transcribe.worker.hear_again``);
``macro_f1_once`` is the figure without that. Thresholds were set on the wordings marked ``development``; the figures
count ``held_out`` ones, unless asked otherwise. Clips of real speech and people's greetings are the class ``none``.
The same clips are then heard as answers, once: ``real_speech_hung_up`` counts real people taken for a machine and must
be 0. The last line of the output is one JSON object.

    python tests/benchmarks/dispositions/bench_dispositions.py [--split held_out|development] [--noise clean,20,10]
        [--colour room|white] [--workers 2] [--texts FILE]

``--texts`` keeps what was recognised in FILE and takes from there what it holds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import numpy as np
import signals
import soundfile
import yaml

from core.settings import Settings, Transcribe
from dialer.calling.evidence.announcements import expected_words, load_phrases
from dialer.calling.evidence.answering import AnswerJudge, replay
from dialer.calling.evidence.tones import ToneDetector
from dialer.calling.evidence.verdict import judge_early
from dialer.calling.voice import VoiceDetector
from transcribe.choosing import choose, load
from transcribe.models import fetch
from transcribe.worker import Passage, hear_again

DATA = Path(__file__).resolve().parents[2] / "data"
REAL = ("zh_aishell_0724W0121", "zh_aishell_0916W0427", "zh_nst_1", "zh_paddle_running", "en_librispeech_1995")
KOREAN = ("ko_leopard", "ko_rhino_coffee")  # read as Chinese: nonsense, which must be none as well
LEVELS = (3000.0, 6000.0, 12000.0)
RECOGNISED_AFTER_MS = 1000  # of the end of an utterance: the recogniser's own time, for the answers
FRAME = 320


def announcements(split):
    """The corpus: (name, kind, language, whether a real person, sound)."""
    folder = DATA / "announcements"
    for clip in yaml.safe_load((folder / "manifest.yaml").read_text("utf-8")):
        if clip["split"] == split:
            yield clip["file"], clip["kind"], clip["language"], False, _read(folder / clip["file"])
    for name in (*REAL, *KOREAN):
        language = "en" if name.startswith("en") else "zh-CN"
        yield name, "none", language, True, _read(DATA / "speech" / f"{name}.8k_alaw.wav")


def tones():
    """Generated tones at three levels, with times and frequencies off by a few per cent, and music."""
    for number, level in enumerate(LEVELS):
        off = 1 + 0.04 * (number - 1)
        yield f"busy {number}", "busy", signals.cadence(450 * off, 350 * off, 350 / off, 8, level)
        yield f"ringback {number}", "ringback", signals.cadence(450 * off, 1000 * off, 4000 / off, 3, level)
        yield f"congestion {number}", "congestion", signals.cadence(450 * off, 700 * off, 700 / off, 5, level)
        yield f"sit {number}", "sit", signals.special_information(level)
        yield f"cng {number}", "fax_cng", signals.cadence(1100 * (1 + (off - 1) / 2), 500, 3000, 3, level)
        yield f"ced {number}", "fax_ced", signals.tone(2100, 2600 * off, level)
        beep = signals.tone((800, 1000, 1400)[number], (200, 500, 900)[number], level)
        yield f"beep {number}", "beep", np.concatenate([signals.silence(800), beep, signals.silence(800)])
        notes = (np.array([440, 494, 523, 587, 659, 523, 494, 440]) * (1 + number / 4)).tolist()
        yield f"music {number}", "none", signals.melody(notes * 2, 300 + 100 * number, level)


def heard(split, noises, colour):
    """Every clip at every noise, the same for the same clip: what is to be judged."""
    for noise in noises:
        said = [(*clip, False) for clip in announcements(split)]
        played = [(name, kind, "", False, sound, True) for name, kind, sound in tones()]
        for name, kind, language, real, sound, tone in (*said, *played):
            known = {"name": name, "kind": kind, "language": language, "real": real, "tone": tone}
            yield known | {"noise": noise, "colour": colour, "pcm": _line(name, sound, noise, colour)}


def _line(name, sound, noise, colour):
    chance = np.random.default_rng(crc32(f"{name} {noise}".encode()))
    padded = np.concatenate([signals.silence(300), sound, signals.silence(500)])
    snr = None if noise == "clean" else float(noise)
    return signals.telephone(signals.noisy(padded, snr, chance, colour))


def _read(path):
    return soundfile.read(path, dtype="int16")[0].astype(float)


_worker = {}


def _start(models):
    _worker["settings"] = Settings(transcribe=Transcribe(models=models, engines="whisper"))


def _recognise(item):
    language, pcm = item
    if language not in _worker:
        _worker[language] = load(choose(_worker["settings"], language))
    said = _worker[language].transcribe(np.frombuffer(pcm, "<i2"), 8000, language)
    return [(one.start_ms, one.end_ms, one.text) for one in said]


def _listen_again(item):
    language, pcm, words = item
    began = time.process_time()
    spec = choose(_worker["settings"], language)
    return hear_again(Passage(spec, language, np.frombuffer(pcm, "<i2"), words)), time.process_time() - began


@contextmanager
def recognisers(workers):
    """A pool of processes in which whisper-base is to be had."""
    with tempfile.TemporaryDirectory() as models:
        if not fetch("whisper-base", Path(models)).present:
            raise SystemExit("whisper-base is not installed; run make test")
        with ProcessPoolExecutor(workers, initializer=_start, initargs=(models,)) as pool:
            yield pool


def recognise(clips, kept, pool):
    """What was said in each clip, from ``kept`` where it stands there."""
    missing = [clip for clip in clips if not clip["tone"] and _key(clip) not in kept]
    asked = [(clip["language"], clip["pcm"]) for clip in missing]
    for clip, said in zip(missing, pool.map(_recognise, asked), strict=True):
        kept[_key(clip)] = said
    return kept


def recognise_again(clips, kept, pool, phrases):
    """Further readings of the clips for which ``judge_early`` asks; returns the seconds a clip."""
    missing = [clip for clip in clips if _asks(clip, kept, phrases) and f"{_key(clip)} again" not in kept]
    asked = [(clip["language"], clip["pcm"], expected_words(phrases, clip["language"])) for clip in missing]
    took = []
    for clip, (readings, seconds) in zip(missing, pool.map(_listen_again, asked), strict=True):
        kept[f"{_key(clip)} again"] = readings
        took.append(seconds)
    return took


def _text(clip, kept):
    return " ".join(one[2] for one in kept.get(_key(clip), []))


def _asks(clip, kept, phrases):
    asked = []
    judge_early(clip["pcm"], _text(clip, kept), phrases, again=lambda: asked.append(clip) or ())
    return bool(asked)


def _key(clip):
    return f"{clip['name']} {clip['noise']}" + (f" {clip['colour']}" if clip["noise"] != "clean" else "")


def answer(clip, said, phrases):
    """The clip heard as an answer: frames, tones and texts in the order a call would bring them."""
    voice, detector, frames, tones_at = VoiceDetector(), ToneDetector(), [], []
    pcm = clip["pcm"] + bytes(16_000)
    for number, start in enumerate(range(0, len(pcm) - FRAME + 1, FRAME)):
        frame = pcm[start : start + FRAME]
        frames.append(voice.feed(frame))
        tone = detector.feed(frame)
        if tone is not None:
            tones_at.append((20 * (number + 1), tone))
    frames += [False] * (RECOGNISED_AFTER_MS // 20)
    texts = [(end + RECOGNISED_AFTER_MS, start, text) for start, end, text in said]
    return replay(AnswerJudge(phrases), frames, tones_at, texts)


def scores(confusion):
    """F1 of each class."""
    kinds = sorted(confusion)
    found = {}
    for kind in kinds:
        right = confusion[kind][kind]
        meant, told = sum(confusion[kind].values()), sum(confusion[other][kind] for other in kinds)
        found[kind] = 2 * right / (meant + told) if meant + told else 0.0
    return found


def table(title, confusion):
    """Print true classes as rows, verdicts as columns."""
    told = sorted({kind for row in confusion.values() for kind in row})
    print(f"\n{title}")
    print(" " * 20 + " ".join(f"{kind[:10]:>10}" for kind in told))
    for kind in sorted(confusion):
        print(f"{kind:20}" + " ".join(f"{confusion[kind][other] or '.':>10}" for other in told))


def run(split, noises, colour, kept, workers):
    """Judge everything; returns the JSON object of the last line."""
    began = time.perf_counter()
    phrases, clips = load_phrases(), list(heard(split, noises, colour))
    with recognisers(workers) as pool:
        recognise(clips, kept, pool)
        again_s = recognise_again(clips, kept, pool, phrases)
    confusion, once, answers, by_noise, hung_up, wrong = {}, {}, {}, {}, 0, []
    for clip in clips:
        text, readings = _text(clip, kept), kept.get(f"{_key(clip)} again", ())
        kind, verdict = _kind(judge_early(clip["pcm"], text, phrases, again=lambda found=readings: found))
        for counts in (confusion, by_noise.setdefault(clip["noise"], {})):
            counts.setdefault(clip["kind"], Counter())[kind] += 1
        once.setdefault(clip["kind"], Counter())[_kind(judge_early(clip["pcm"], text, phrases))[0]] += 1
        if kind != clip["kind"]:
            wrong.append(f"{_key(clip)}: {kind} {verdict.confidence} ({' | '.join([text, *readings])})")
        if not clip["tone"]:
            hung_up += _as_answer(clip, kept[_key(clip)], phrases, answers)
    table(f"Early media, {split} wordings (rows: what it is)", confusion)
    table("Heard as answers: who answered", answers)
    print("\nNot understood:", *wrong, sep="\n  ")
    per_noise = {noise: _mean(scores(counts).values()) for noise, counts in by_noise.items()}
    return {
        "split": split,
        "noise": colour,
        "macro_f1": _mean(scores(confusion).values()),
        "macro_f1_once": _mean(scores(once).values()),
        "f1": {kind: round(value, 3) for kind, value in scores(confusion).items()},
        "confusion": confusion,
        "per_noise": per_noise,
        "answers": answers,
        "real_speech_hung_up": hung_up,
        "clips": len(clips),
        "listened_again": sum(f"{_key(clip)} again" in kept for clip in clips),
        "again_cpu_s": _mean(again_s) if again_s else None,
        "seconds": round(time.perf_counter() - began, 1),
    }


def _as_answer(clip, said, phrases, answers):
    """Count who answered; 1 when a real person was taken for a machine."""
    verdict = answer(clip, said, phrases)
    row = "person, real" if clip["real"] else {"none": "person"}.get(clip["kind"], clip["kind"])
    if row.startswith("person") or row in ("voicemail", "assistant"):
        answers.setdefault(row, Counter())[verdict.kind.value] += 1
    return int(clip["real"] and (verdict.machine or bool(verdict.announcement)))


def _kind(verdict):
    """What the verdict says where it counts, and the verdict."""
    return (verdict.kind if verdict.confidence >= 0.8 else "none"), verdict


def _mean(values):
    return round(float(np.mean(list(values))), 4)


def main():
    """Print the tables and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", default="held_out", choices=("held_out", "development"))
    parser.add_argument("--noise", default="clean,20,10")
    parser.add_argument("--colour", default="room", choices=("room", "white"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--texts", type=Path)
    asked = parser.parse_args()
    kept = json.loads(asked.texts.read_text("utf-8")) if asked.texts and asked.texts.exists() else {}
    figures = run(asked.split, asked.noise.split(","), asked.colour, kept, asked.workers)
    if asked.texts:
        asked.texts.write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
