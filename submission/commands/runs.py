"""The verbs of finished runs: scores, tables, the HTML page, files of fewer bits, predictions."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from deploy.allocator import keep_memory
from deploy.command_line import MAX_WORKERS, Verbs, add_verb, say, whole_number
from deploy.errors import InputError

SYSTEMS_HELP = "torch-fp32, torch-fp16, onnx-fp32, onnx-int8 or tflite-int8"


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of this file."""
    _add_evaluate(verbs)
    _add_results(verbs)
    _add_report(verbs)
    _add_quantize(verbs)
    _add_predict(verbs)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--data", type=Path, help="dataset folder, if it has moved")
    parser.add_argument("--store", type=Path, help="prepared clips, if they have moved")


def _add_evaluate(verbs: Verbs) -> None:
    evaluating = add_verb(verbs, "evaluate", evaluate, "score a run on the test split", "RUN")
    _add_run_options(evaluating)
    evaluating.add_argument("--backend", choices=("torch", "onnx", "tflite"))


def evaluate(options: argparse.Namespace) -> None:
    keep_memory()
    from baseline.run import open_run
    from quantize.evaluation import evaluate_system, format_scores
    from quantize.system_names import available_systems
    from submission.pipeline import open_data

    opened = open_run(options.run)
    dataset, store = open_data(opened, options.data, options.store)
    systems = available_systems(opened, options.backend)
    if not systems:
        raise InputError(
            f"{options.run}: has no {options.backend} file; run: tinyscene quantize {options.run}"
        )
    scores = {system: evaluate_system(opened, system, dataset, store) for system in systems}
    say(format_scores(scores))


def _add_results(verbs: Verbs) -> None:
    example = "runs --against small --plots pictures"
    telling = add_verb(verbs, "results", results, "means, spreads, differences of runs", example)
    telling.add_argument("folder", type=Path, metavar="FOLDER", help="of runs, such as a matrix's")
    telling.add_argument("--against", metavar="RECIPE", help="to compare with (default: all pairs)")
    telling.add_argument("--system", help=f"{SYSTEMS_HELP} (default: each recipe's)")
    telling.add_argument("--csv", type=Path, metavar="FILE", help="write runs, means, differences")
    telling.add_argument("--plots", type=Path, metavar="FOLDER", help="write pictures")
    telling.add_argument("--json", action="store_true")


def results(options: argparse.Namespace) -> None:
    from deploy.files import write_text
    from submission.results.folder import read_results
    from submission.results.report import report, to_csv, to_json
    from submission.results.text import render

    found = report(read_results(options.folder, options.system), options.against)
    say(json.dumps(to_json(found), indent=2) if options.json else render(found))
    if options.csv:
        write_text(options.csv, to_csv(found))
    if options.plots:
        from submission.results.plots import draw

        lines = draw(found.results, options.plots)
        print(*lines, sep="\n", file=sys.stderr if options.json else sys.stdout)


def _add_report(verbs: Verbs) -> None:
    reporting = add_verb(verbs, "report", report, "write runs as one HTML page", "runs")
    reporting.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="or a folder of runs")
    reporting.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE")
    reporting.add_argument("--system", help=f"{SYSTEMS_HELP} (default: each recipe's)")
    reporting.add_argument("--data", type=Path, help="the dataset, if it has moved; for cities")
    reporting.add_argument(
        "--bench", type=Path, nargs="+", default=[], metavar="FILE", help="of bench --out"
    )
    reporting.add_argument(
        "--mcu", type=Path, nargs="+", default=[], metavar="FILE", help="of mcu report --json"
    )


def report(options: argparse.Namespace) -> None:
    from deploy.files import require_replaceable
    from submission.html_report.collect import collect
    from submission.html_report.page import write_page

    require_replaceable(options.out)
    found = collect(
        options.runs,
        system=options.system,
        benches=options.bench,
        boards=options.mcu,
        data=options.data,
    )
    write_page(found, options.out)
    for name, reason in (found.results.left_out | found.stale).items():
        say(f"left out: {name} {reason}")
    say(f"wrote {options.out}: {len(found.results.runs)} runs")


def _add_quantize(verbs: Verbs) -> None:
    quantizing = add_verb(verbs, "quantize", quantize, "export to ONNX and int8 TFLite", "RUN")
    _add_run_options(quantizing)
    quantizing.add_argument(
        "--method",
        choices=("ptq", "qat", "tuned"),
        help="post-training, quantisation-aware, or neural-compressor's search "
        "(default: the recipe's)",
    )
    quantizing.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="quantize.KEY=VALUE",
        help="change a setting for this time, such as quantize.observer=percentile",
    )
    quantizing.add_argument(
        "--calibration", type=Path, help="folder of recordings (default: training clips)"
    )
    quantizing.add_argument(
        "--report",
        action="store_true",
        help="compare all files of the run on the test split, layer by layer; without other "
        "options it quantises only a run that was not yet",
    )


def quantize(options: argparse.Namespace) -> None:
    keep_memory()
    from baseline.run import open_run
    from quantize.quantization import quantization_settings, quantize_run
    from submission.pipeline import open_data

    if options.run.suffix in (".tflite", ".onnx"):
        raise InputError(f"{options.run}: is an exported file; give the run folder it came from.")
    opened = open_run(options.run)
    settings = quantization_settings(opened, options.method, options.set)
    dataset, store = open_data(opened, options.data, options.store)
    asked = options.method or options.set or options.calibration
    if asked or not options.report or not opened.quantization_file(settings.method).is_file():
        say(f"quantize: {settings.method}, {settings.observer} ranges")
        written = quantize_run(
            opened, dataset, store, settings=settings, calibration=options.calibration
        )
        for path in written:
            say(f"{path}: {path.stat().st_size:,} bytes")
    if options.report:
        from quantize.agreement.report import report
        from quantize.agreement.text import render

        say(render(report(opened, dataset, store)))
        say(f"{opened.agreement_file}, {opened.agreement_picture}, {opened.layer_noise_picture}")


def _add_predict(verbs: Verbs) -> None:
    predicting = add_verb(verbs, "predict", predict, "write the challenge's CSV", "RUN --audio DIR")
    predicting.add_argument("run", type=Path, metavar="RUN")
    predicting.add_argument("--audio", type=Path, required=True, help="folder of recordings")
    predicting.add_argument("--list", type=Path, help="list of the files to predict")
    predicting.add_argument("--system", help=f"{SYSTEMS_HELP} (default: the recipe's)")
    predicting.add_argument(
        "--workers", type=whole_number(1, MAX_WORKERS), help="processes (default: one a core)"
    )


def predict(options: argparse.Namespace) -> None:
    keep_memory()
    from baseline.run import open_run
    from submission.predict import predict_run

    path = predict_run(
        open_run(options.run),
        options.audio,
        evaluation_list=options.list,
        system_name=options.system,
        workers=options.workers,
    )
    say(str(path))
