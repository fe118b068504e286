"""The verbs of a device: times, scenes of recordings and of what a microphone hears."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from deploy.allocator import RUN_TIME_BYTES, keep_memory
from deploy.command_line import (
    MAX_WORKERS,
    OVER,
    WITHIN,
    Verbs,
    add_verb,
    number,
    say,
    whole_number,
)

MAX_SECONDS = 3600
MAX_RATE, MAX_CHANNELS = 384_000, 64


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of this file."""
    _add_bench(verbs)
    _add_bench_compare(verbs)
    _add_classify(verbs)
    _add_listen(verbs)
    add_verb(verbs, "doctor", doctor, "what works on this machine", "")


def _add_classifier_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, help=".tflite or .onnx file")
    parser.add_argument("--backend", help="ai-edge-litert, tflite-runtime or onnxruntime")


def _add_bench(verbs: Verbs) -> None:
    timing = add_verb(
        verbs, "bench", bench, "time a model from wave to probabilities", "MODEL.tflite"
    )
    timing.add_argument("model", type=Path, metavar="MODEL", help=".tflite or .onnx file")
    timing.add_argument("--threads", type=whole_number(1, MAX_WORKERS), default=1)
    timing.add_argument("--backend", help="ai-edge-litert, tflite-runtime or onnxruntime")
    timing.add_argument("--wave", type=Path, help="mono recording (default: noise at 44.1 kHz)")
    timing.add_argument(
        "--seconds",
        type=number(0.1, MAX_SECONDS),
        default=15.0,
        help="longest time for the timing; the cold starts come on top (default: 15)",
    )
    timing.add_argument(
        "--require-int8", action="store_true", help="refuse a model with float input or output"
    )
    timing.add_argument("--out", type=Path, help="write the report as JSON")
    timing.add_argument("--json", action="store_true", help="print the report as JSON")


def bench(options: argparse.Namespace) -> None:
    keep_memory(RUN_TIME_BYTES)
    from deploy.bench.measure import Settings, measure
    from deploy.bench.text import format_report
    from deploy.files import require_replaceable, write_json

    if options.out:
        require_replaceable(options.out)
    settings = Settings(
        options.threads, options.backend, options.seconds, require_int8=options.require_int8
    )
    report = measure(options.model, settings, options.wave)
    say(json.dumps(report, indent=2) if options.json else format_report(report))
    if options.out:
        write_json(options.out, report)
    for warning in report["warnings"]:
        print(f"tinyscene: warning: {warning}", file=sys.stderr)


def _add_bench_compare(verbs: Verbs) -> None:
    example = "A.json B.json"
    comparing = add_verb(verbs, "bench compare", bench_compare, "ratios of two reports", example)
    comparing.add_argument("first", type=Path, metavar="A", help="written by bench --out")
    comparing.add_argument("second", type=Path, metavar="B", help="likewise")


def bench_compare(options: argparse.Namespace) -> None:
    from deploy.bench.compare import compare, read_report

    say(compare(read_report(options.first), read_report(options.second)))


def _add_classify(verbs: Verbs) -> None:
    example = "*.wav --model MODEL.tflite"
    classifying = add_verb(verbs, "classify", classify, "scenes of whole recordings", example)
    classifying.add_argument("files", type=Path, nargs="+", metavar="FILE", help="or folder")
    _add_classifier_options(classifying)
    classifying.add_argument("--csv", action="store_true", help="all probabilities, as CSV")


def classify(options: argparse.Namespace) -> int:
    keep_memory(RUN_TIME_BYTES)
    from deploy.model_file import read_info
    from deploy.outcome_text import print_outcomes
    from deploy.recordings import classify_files, recordings

    paths, model = recordings(options.files), options.model
    outcomes = classify_files(model, paths, backend=options.backend)
    bad = print_outcomes(outcomes, paths, read_info(model).labels, as_csv=options.csv)
    return OVER if bad else WITHIN


def _add_listen(verbs: Verbs) -> None:
    example = "--microphone --model MODEL.tflite"
    hearing = add_verb(verbs, "listen", listen, "scenes of the last second, all the time", example)
    hearing.add_argument("source", nargs="?", metavar="FILE|-", help="- is standard input")
    _add_classifier_options(hearing)
    hearing.add_argument("--threads", type=whole_number(1, MAX_WORKERS), default=1)
    hearing.add_argument("--microphone", action="store_true")
    hearing.add_argument("--device", help="number or name of the microphone")
    hearing.add_argument("--hop", type=number(0.01, 1), default=0.25, help="seconds to the next")
    hearing.add_argument(
        "--smoothing", type=number(0, 3600), default=1.0, help="time constant in seconds; 0: none"
    )
    hearing.add_argument("--fast", action="store_true", help="a file faster than it sounds")
    hearing.add_argument("--json", action="store_true", help="JSON Lines, as when piped")
    hearing.add_argument("--rate", type=whole_number(1, MAX_RATE), help="Hz, without a WAV header")
    hearing.add_argument("--format", default="S16_LE", help="of samples without a WAV header")
    hearing.add_argument(
        "--channels", type=whole_number(1, MAX_CHANNELS), default=1, help="likewise"
    )


def listen(options: argparse.Namespace) -> None:
    keep_memory(RUN_TIME_BYTES)
    from deploy.classifier import Classifier
    from deploy.listen.command import choose_view, listen, open_source

    classifier = Classifier(options.model, threads=options.threads, backend=options.backend)
    view = choose_view(sys.stdout, classifier.labels, json_lines=options.json)
    listen(classifier, open_source(options), view, hop_s=options.hop, smoothing_s=options.smoothing)


def doctor(_: argparse.Namespace) -> int:
    from deploy.doctor import examine, format_findings

    findings = examine()
    say(format_findings(findings))
    return WITHIN if findings.sound else OVER
