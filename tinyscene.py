"""The command `tinyscene`: a parser whose verbs each call one function.

Nothing heavy is imported before a verb is called, so that help is instant and a Raspberry Pi needs
neither torch nor pandas.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from deploy.errors import InputError

WITHIN, OVER, BAD_INPUT, STOPPED = 0, 1, 2, 130
"""Exit codes."""

MAX_SEED = 2**32 - 1
MAX_WORKERS = 256
MAX_VIEWS = 64
SPLITS = (5, 10, 25, 50, 100)
YEARS, DEFAULT_YEAR = (2024, 2025), 2024
MAX_SECONDS = 3600
MAX_RATE, MAX_CHANNELS = 384_000, 64
RUNS = Path("runs")
DOUBLE_VERBS = ("mcu test", "mcu report", "bench compare", "package init")
SYSTEMS_HELP = "torch-fp32, torch-fp16, onnx-fp32, onnx-int8 or tflite-int8"

Verb = Callable[[argparse.Namespace], int | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        0 for success, 1 where a check fails, 2 for bad input, 130 when stopped by Ctrl-C.
    """
    try:
        options = build_parser().parse_args(_with_double_verbs(arguments))
        verb: Verb = options.verb
        _require_one_process(verb)
        return verb(options) or WITHIN
    except InputError as error:
        return _fail(str(error), BAD_INPUT)
    except ModuleNotFoundError as error:
        return _fail(
            f"this verb needs the package {error.name}; run: pip install 'tinyscene[export]'",
            BAD_INPUT,
        )
    except BrokenPipeError:  # the reader, such as head, has seen enough
        sys.stdout = None
        return WITHIN
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or error}; check the path and the disk.", BAD_INPUT)
    except MemoryError:
        return _fail("the memory is not enough for this; ask for less at a time.", BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("stopped; start the same command again to go on.", STOPPED)


def _fail(message: str, code: int) -> int:
    print(f"tinyscene: {message}", file=sys.stderr)
    return code


def _require_one_process(verb: Verb) -> None:
    several = os.environ.get("WORLD_SIZE", "1") != "1" and "TORCHELASTIC_RUN_ID" in os.environ
    if several and verb is not train:
        raise InputError(
            f"torchrun: found the verb '{verb.__name__}', expected 'train', the only one that "
            "several processes can share; start this one without torchrun."
        )


def _say(message: str) -> None:
    print(message, flush=True)


# --- data ----------------------------------------------------------------------------------------


def data_sample(options: argparse.Namespace) -> None:
    from baseline.sample import write_sample

    write_sample(options.folder, seed=options.seed)
    _say(f"wrote {options.folder}: synthetic recordings, not TAU (see NOTICE.txt)")


def data_fetch(options: argparse.Namespace) -> None:
    from baseline.fetch import fetch

    fetch(options.folder, accept_licence=options.accept_licence)


def data_check(options: argparse.Namespace) -> int:
    from baseline.dataset_check import check_dataset, format_problems

    problems = check_dataset(options.folder, audio=not options.lists_only)
    _say(format_problems(problems))
    return OVER if problems else WITHIN


def data_prepare(options: argparse.Namespace) -> None:
    from baseline.clips import read_dataset
    from baseline.store import prepare
    from deploy.frontend import front_end
    from submission.pipeline import default_store

    rate_hz = front_end(options.front_end).rate_hz
    folder = options.store or default_store(options.folder)
    store = prepare(read_dataset(options.folder), folder, rate_hz=rate_hz, workers=options.workers)
    _say(f"{store.folder}: {len(store.clips):,} clips at {store.rate_hz} Hz")


# --- training and evaluation ---------------------------------------------------------------------


def run(options: argparse.Namespace) -> None:
    _keep_memory()
    from submission.pipeline import evaluation_audio, full_run

    task = _task(options)
    evaluation = options.audio or evaluation_audio(task.data)
    finished = full_run(task, evaluation, _say)
    _say(f"run: {finished.folder}")


def train(options: argparse.Namespace) -> None:
    _keep_memory()
    from baseline.processes import told_once
    from submission.pipeline import train_run

    say = told_once(_say)
    trained, _, _ = train_run(_task(options), say)
    say(f"run: {trained.folder}")


def matrix(options: argparse.Namespace) -> int:
    from submission.matrix import Matrix, run_matrix

    wanted = Matrix(
        data=options.data,
        out=options.out,
        recipes=tuple(options.recipes),
        splits=tuple(options.splits),
        seeds=tuple(range(options.seeds)),
        store=options.store,
        teachers=options.teachers,
        overrides=tuple(options.set),
        float_only=options.float_only,
        over_budget=options.over_budget,
    )
    failures = run_matrix(wanted, options.workers, _say, ray=options.ray)
    for cell, reason in failures.items():
        _say(f"matrix: {cell} {reason}")
    return OVER if failures else WITHIN


def results(options: argparse.Namespace) -> None:
    from deploy.files import write_text
    from submission.results.folder import read_results
    from submission.results.report import report, to_csv, to_json
    from submission.results.text import render

    found = report(read_results(options.folder, options.system), options.against)
    _say(json.dumps(to_json(found), indent=2) if options.json else render(found))
    if options.csv:
        write_text(options.csv, to_csv(found))
    if options.plots:
        from submission.results.plots import draw

        lines = draw(found.results, options.plots)
        print(*lines, sep="\n", file=sys.stderr if options.json else sys.stdout)


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
        _say(f"left out: {name} {reason}")
    _say(f"wrote {options.out}: {len(found.results.runs)} runs")


def teach(options: argparse.Namespace) -> None:
    _keep_memory()
    from baseline.run import open_run
    from deploy.files import require_replaceable
    from submission.pipeline import teach_from

    require_replaceable(options.out)
    runs = [open_run(folder) for folder in options.runs]
    taught = teach_from(
        runs,
        options.weights or [1.0] * len(runs),
        options.out,
        split=options.split,
        views=options.views,
        outside_data=options.outside_data,
    )
    clips, views, _ = taught.logits.shape
    _say(f"{options.out}: split {taught.split}, {clips:,} clips, views: {views}")


def evaluate(options: argparse.Namespace) -> None:
    _keep_memory()
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
    _say(format_scores(scores))


def quantize(options: argparse.Namespace) -> None:
    _keep_memory()
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
        _say(f"quantize: {settings.method}, {settings.observer} ranges")
        written = quantize_run(
            opened, dataset, store, settings=settings, calibration=options.calibration
        )
        for path in written:
            _say(f"{path}: {path.stat().st_size:,} bytes")
    if options.report:
        from quantize.agreement import report
        from quantize.agreement_text import render

        _say(render(report(opened, dataset, store)))
        _say(f"{opened.agreement_file}, {opened.agreement_picture}, {opened.layer_noise_picture}")


def predict(options: argparse.Namespace) -> None:
    _keep_memory()
    from baseline.run import open_run
    from submission.predict import predict_run

    path = predict_run(
        open_run(options.run),
        options.audio,
        evaluation_list=options.list,
        system_name=options.system,
        workers=options.workers,
    )
    _say(str(path))


def check(options: argparse.Namespace) -> int:
    from submission.budget import render, resolve, to_json

    budget = resolve(options.target, precision=options.precision, input_shape=options.input_shape)
    _say(json.dumps(to_json(budget), indent=2) if options.json else render(budget))
    return WITHIN if budget.within_limits else OVER


def models(options: argparse.Namespace) -> None:
    from submission.model_list import list_models, render

    listed = list_models()
    _say(
        json.dumps([row.to_dict() for row in listed], indent=2) if options.json else render(listed)
    )


def bench(options: argparse.Namespace) -> None:
    _keep_memory_on_a_device()
    from deploy.bench.measure import Settings, measure
    from deploy.bench.text import format_report
    from deploy.files import require_replaceable, write_json

    if options.out:
        require_replaceable(options.out)
    settings = Settings(
        options.threads, options.backend, options.seconds, require_int8=options.require_int8
    )
    report = measure(options.model, settings, options.wave)
    _say(json.dumps(report, indent=2) if options.json else format_report(report))
    if options.out:
        write_json(options.out, report)
    for warning in report["warnings"]:
        print(f"tinyscene: warning: {warning}", file=sys.stderr)


def bench_compare(options: argparse.Namespace) -> None:
    from deploy.bench.compare import compare, read_report

    _say(compare(read_report(options.first), read_report(options.second)))


def recipes(options: argparse.Namespace) -> None:
    from baseline.recipe import load_recipe, recipe_names, save_recipe

    for name in recipe_names():
        _say(f"# {name}\n{save_recipe(load_recipe(name))}")


def weights(options: argparse.Namespace) -> None:
    from baseline.weights import format_published

    _say(format_published())


def weights_fetch(options: argparse.Namespace) -> None:
    from baseline.weights import default_folder, fetch, find

    path = fetch(find(options.name), options.folder or default_folder())
    _say(f"{path}: {path.stat().st_size:,} bytes")


# --- listening -----------------------------------------------------------------------------------


def classify(options: argparse.Namespace) -> int:
    _keep_memory_on_a_device()
    from deploy.model_file import read_info
    from deploy.outcome_text import print_outcomes
    from deploy.recordings import classify_files, recordings

    paths, model = recordings(options.files), options.model
    outcomes = classify_files(model, paths, backend=options.backend)
    bad = print_outcomes(outcomes, paths, read_info(model).labels, as_csv=options.csv)
    return OVER if bad else WITHIN


def listen(options: argparse.Namespace) -> None:
    _keep_memory_on_a_device()
    from deploy.classifier import Classifier
    from deploy.listen.command import choose_view, listen, open_source

    classifier = Classifier(options.model, threads=options.threads, backend=options.backend)
    view = choose_view(sys.stdout, classifier.labels, json_lines=options.json)
    listen(classifier, open_source(options), view, hop_s=options.hop, smoothing_s=options.smoothing)


def doctor(_: argparse.Namespace) -> int:
    from deploy.doctor import examine, format_findings

    findings = examine()
    _say(format_findings(findings))
    return WITHIN if findings.sound else OVER


# --- microcontrollers ----------------------------------------------------------------------------


def mcu(options: argparse.Namespace) -> None:
    from deploy.mcu.plan_text import plan_table
    from deploy.mcu.project import write_project

    if options.out is None:
        raise InputError(f"{options.model}: expected --out DIR, where the C project goes; add it.")
    target, rounding = options.target, options.rounding
    plan = write_project(options.model, options.out, target=target, rounding=rounding)
    _say(plan_table(plan))
    _say(f"{options.out}: C99 for {target}, {rounding} rounding; see its README.md")


def mcu_test(options: argparse.Namespace) -> int:
    from deploy.mcu.machines import machine
    from deploy.mcu.project import open_project
    from deploy.mcu.verification import verify

    project = open_project(options.folder)
    checks = verify(project, machine(options.board or project.board, options.toolchain))
    for check in checks:
        _say(f"{'ok  ' if check.passed else 'FAIL'}  {check.name}: {check.found}")
    return WITHIN if all(check.passed for check in checks) else OVER


def mcu_report(options: argparse.Namespace) -> None:
    from deploy.mcu.machines import EmulatedBoard, machine
    from deploy.mcu.project import open_project
    from deploy.mcu.report import format_cost, measure

    project = open_project(options.folder)
    name = options.board or project.board
    chosen = machine(name, options.toolchain)
    if not isinstance(chosen, EmulatedBoard):
        raise InputError(f"--board {name}: counts nothing; give one that is emulated.")
    cost = measure(project, chosen)
    _say(json.dumps(cost.to_json(), indent=2) if options.json else format_cost(cost))


def estimate(options: argparse.Namespace) -> None:
    from deploy.mcu.estimate import estimate as ask_vela
    from deploy.mcu.estimate import format_estimate

    found = ask_vela(options.model, options.npu)
    if options.json:
        _say(json.dumps(found.to_json(), indent=2))
    else:
        _say(format_estimate(options.model, found))


# --- submission ----------------------------------------------------------------------------------


def package(options: argparse.Namespace) -> None:
    from baseline.run import open_run
    from submission.package import is_unzipped_package, repackage
    from submission.package import package as write_package
    from submission.team import load_team

    if len(options.runs) == 1 and is_unzipped_package(options.runs[0]):
        repackage(options.runs[0], options.out, evaluation_list=options.list)
        _say(f"{options.out}: valid")
        return
    if options.team is None:
        raise InputError("package: expected --team FILE; make one with: tinyscene package init")
    runs, team = [open_run(folder) for folder in options.runs], load_team(options.team)
    with TemporaryDirectory() as folder:
        drafted = _draft_report(runs, team, Path(folder)) if options.draft_report else None
        report = options.report or drafted
        write_package(runs, team, options.out, evaluation_list=options.list, report=report)
    _say(f"{options.out}: valid")


def _draft_report(runs: Sequence[Any], team: Any, folder: Path) -> Path:
    from submission.systems import group_systems
    from submission.technical_report.report import write_technical_report

    return write_technical_report(group_systems(runs), team, folder)


def package_init(options: argparse.Namespace) -> None:
    from baseline.run import open_run
    from deploy.files import write_text
    from submission.systems import group_systems
    from submission.team_form import Answers, ask, team_form

    if options.out.exists():
        raise InputError(f"{options.out}: is there already; edit it, or choose another --out.")
    systems = group_systems([open_run(folder) for folder in options.runs])
    answers = ask(input) if sys.stdin and sys.stdin.isatty() else Answers()
    write_text(options.out, team_form(answers, [runs[0].recipe.name for runs in systems]))
    _say(f"{options.out}: replace every FILL-IN in it")


def paper(options: argparse.Namespace) -> None:
    from baseline.run import open_run
    from submission.systems import group_systems
    from submission.team import load_team
    from submission.technical_report.report import write_technical_report

    systems = group_systems([open_run(folder) for folder in options.runs])
    _say(str(write_technical_report(systems, load_team(options.team), options.out)))


def validate(options: argparse.Namespace) -> int:
    from baseline.run import open_run
    from submission.fault_report import format_json
    from submission.faults import format_faults, is_valid
    from submission.validate import validate as find_faults

    runs = [open_run(folder) for folder in options.runs]
    faults = find_faults(
        options.package, evaluation_list=options.list, runs=runs, year=options.year
    )
    if options.json:
        _say(format_json(options.package, options.year, faults))
    else:
        _say(format_faults(faults))
    return WITHIN if is_valid(faults) else OVER


def rules(options: argparse.Namespace) -> None:
    from submission.rules_text import format_rules, rules_as_json

    _say(rules_as_json(options.year) if options.json else format_rules(options.year))


def demo(options: argparse.Namespace) -> None:
    _keep_memory()
    from submission.demo import run_demo

    _say(run_demo(options.folder, options.recipe, options.set, _say))


# --- the parser ----------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """A parser that refuses with one sentence, like everything else behind this door."""

    def error(self, message: str) -> NoReturn:
        self.exit(_fail(f"{message}; see: {self.prog} --help", BAD_INPUT))


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = Parser(
        prog="tinyscene",
        description="From a folder of recordings to a valid DCASE Task 1 submission that runs.",
        epilog="example: tinyscene run --data DATA --split 5",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _add_data_verbs(verbs)
    _add_run_verbs(verbs)
    _add_model_verbs(verbs)
    _add_listening_verbs(verbs)
    _add_mcu_verbs(verbs)
    _add_submission_verbs(verbs)
    return parser


def _add_data_verbs(verbs: argparse._SubParsersAction[Parser]) -> None:
    data = verbs.add_parser("data", help="get, check and prepare recordings")
    kinds = data.add_subparsers(metavar="VERB", required=True)

    sample = _verb(kinds, "sample", data_sample, "write a small synthetic dataset", "OUT")
    sample.add_argument("folder", type=Path, metavar="OUT")
    sample.add_argument("--seed", type=_whole(0, MAX_SEED), default=0)

    fetch = _verb(kinds, "fetch", data_fetch, "download TAU 2022 Mobile and its lists", "OUT")
    fetch.add_argument("folder", type=Path, metavar="OUT")
    fetch.add_argument("--accept-licence", action="store_true", help="do not ask")

    checking = _verb(kinds, "check", data_check, "list every problem of a dataset", "DIR")
    checking.add_argument("folder", type=Path, metavar="DIR")
    checking.add_argument("--lists-only", action="store_true", help="leave the audio unread")

    prepare = _verb(kinds, "prepare", data_prepare, "decode and resample all clips once", "DIR")
    prepare.add_argument("folder", type=Path, metavar="DIR")
    prepare.add_argument("--store", type=Path, help="where to (default: DIR/prepared)")
    prepare.add_argument("--front-end", default="dcase2024", help="whose rate to resample to")
    prepare.add_argument(
        "--workers", type=_whole(1, MAX_WORKERS), help="processes (default: one a core)"
    )


def _add_run_verbs(verbs: argparse._SubParsersAction[Parser]) -> None:
    example = "--data DATA --split 5"
    whole = _verb(verbs, "run", run, "all stages for one split", example)
    _add_task_options(whole)
    whole.add_argument("--audio", type=Path, help="folder of the evaluation set's recordings")
    whole.add_argument("--float-only", action="store_true", help="leave quantising out")

    _add_task_options(_verb(verbs, "train", train, "train one split", example))

    example = "--data DATA --splits 5,25 --seeds 5 --recipes small,student --teachers teachers"
    crossing = _verb(verbs, "matrix", matrix, "recipes x splits x seeds, each run once", example)
    crossing.add_argument("--data", type=Path, required=True, help="dataset folder")
    crossing.add_argument("--recipes", type=_listed(str), required=True, metavar="A,B")
    crossing.add_argument("--splits", type=_listed(_split), default=list(SPLITS), metavar="5,10")
    crossing.add_argument("--seeds", type=_whole(1, 1000), default=5, help="how many, from 0 on")
    crossing.add_argument("--teachers", type=Path, help="folder of splitN.npz for students")
    crossing.add_argument("--float-only", action="store_true", help="leave quantising out")
    crossing.add_argument("--over-budget", action="store_true", help="for teachers")
    crossing.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    crossing.add_argument("--store", type=Path, help="prepared clips (default: DATA/prepared)")
    crossing.add_argument("--out", type=Path, default=RUNS, help="folder of all runs")
    crossing.add_argument(
        "--workers", type=_whole(1, MAX_WORKERS), help="runs at a time (default: as many as fit)"
    )
    crossing.add_argument("--ray", metavar="HOST:PORT", help="run on this Ray cluster")

    example = "runs --against small --plots pictures"
    telling = _verb(verbs, "results", results, "means, spreads, differences of runs", example)
    telling.add_argument("folder", type=Path, metavar="FOLDER", help="of runs, such as a matrix's")
    telling.add_argument("--against", metavar="RECIPE", help="to compare with (default: all pairs)")
    telling.add_argument("--system", help=f"{SYSTEMS_HELP} (default: each recipe's)")
    telling.add_argument("--csv", type=Path, metavar="FILE", help="write runs, means, differences")
    telling.add_argument("--plots", type=Path, metavar="FOLDER", help="write pictures")
    telling.add_argument("--json", action="store_true")

    reporting = _verb(verbs, "report", report, "write runs as one HTML page", "runs")
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

    example = "RUN... --out teachers/split25.npz"
    teaching = _verb(verbs, "teach", teach, "write runs' logits for students", example)
    teaching.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    teaching.add_argument("--out", type=Path, required=True, metavar="FILE")
    teaching.add_argument("--weights", type=_number(0, 1e6), nargs="+", help="one a run")
    teaching.add_argument("--split", type=int, choices=SPLITS, help="default: the first run's")
    teaching.add_argument("--views", type=_whole(1, MAX_VIEWS), default=1, help="rolls of a clip")
    teaching.add_argument(
        "--outside-data", action="store_true", help="allow teachers of clips outside the split"
    )

    evaluating = _verb(verbs, "evaluate", evaluate, "score a run on the test split", "RUN")
    _add_run_options(evaluating)
    evaluating.add_argument("--backend", choices=("torch", "onnx", "tflite"))

    quantizing = _verb(verbs, "quantize", quantize, "export to ONNX and int8 TFLite", "RUN")
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

    predicting = _verb(verbs, "predict", predict, "write the challenge's CSV", "RUN --audio DIR")
    predicting.add_argument("run", type=Path, metavar="RUN")
    predicting.add_argument("--audio", type=Path, required=True, help="folder of recordings")
    predicting.add_argument("--list", type=Path, help="list of the files to predict")
    predicting.add_argument("--system", help=f"{SYSTEMS_HELP} (default: the recipe's)")
    predicting.add_argument(
        "--workers", type=_whole(1, MAX_WORKERS), help="processes (default: one a core)"
    )

    _verb(verbs, "recipes", recipes, "print the recipes that come along", "")

    listing = _verb(verbs, "weights", weights, "list published weights", "")
    kinds = listing.add_subparsers(metavar="VERB", parser_class=Parser)
    fetching = _verb(kinds, "fetch", weights_fetch, "download published weights", "passt_fms_1")
    fetching.add_argument("name", metavar="NAME", help="as tinyscene weights lists it")
    fetching.add_argument(
        "--folder", type=Path, help="default: TINYSCENE_WEIGHTS, or ~/.cache/tinyscene/weights"
    )


def _add_model_verbs(verbs: argparse._SubParsersAction[Parser]) -> None:
    checking = _verb(verbs, "check", check, "count parameters, bytes and MACs", "baseline2024")
    checking.add_argument(
        "target", help="a run, recipe, network, .onnx or .tflite file, or module:function"
    )
    checking.add_argument("--precision", choices=("fp32", "fp16", "int8"))
    checking.add_argument("--input-shape", type=_shape, help="such as 1,1,256,65")
    checking.add_argument("--json", action="store_true")

    listing = _verb(verbs, "models", models, "list the networks and the precision they fit at", "")
    listing.add_argument("--json", action="store_true")

    timing = _verb(verbs, "bench", bench, "time a model from wave to probabilities", "MODEL.tflite")
    timing.add_argument("model", type=Path, metavar="MODEL", help=".tflite or .onnx file")
    timing.add_argument("--threads", type=_whole(1, MAX_WORKERS), default=1)
    timing.add_argument("--backend", help="ai-edge-litert, tflite-runtime or onnxruntime")
    timing.add_argument("--wave", type=Path, help="mono recording (default: noise at 44.1 kHz)")
    timing.add_argument(
        "--seconds",
        type=_number(0.1, MAX_SECONDS),
        default=15.0,
        help="longest time for the timing; the cold starts come on top (default: 15)",
    )
    timing.add_argument(
        "--require-int8", action="store_true", help="refuse a model with float input or output"
    )
    timing.add_argument("--out", type=Path, help="write the report as JSON")
    timing.add_argument("--json", action="store_true", help="print the report as JSON")

    example = "A.json B.json"
    comparing = _verb(verbs, "bench compare", bench_compare, "ratios of two reports", example)
    comparing.add_argument("first", type=Path, metavar="A", help="written by bench --out")
    comparing.add_argument("second", type=Path, metavar="B", help="likewise")


def _add_listening_verbs(verbs: argparse._SubParsersAction[Parser]) -> None:
    example = "*.wav --model MODEL.tflite"
    classifying = _verb(verbs, "classify", classify, "scenes of whole recordings", example)
    classifying.add_argument("files", type=Path, nargs="+", metavar="FILE", help="or folder")
    _add_classifier_options(classifying)
    classifying.add_argument("--csv", action="store_true", help="all probabilities, as CSV")

    example = "--microphone --model MODEL.tflite"
    hearing = _verb(verbs, "listen", listen, "scenes of the last second, all the time", example)
    hearing.add_argument("source", nargs="?", metavar="FILE|-", help="- is standard input")
    _add_classifier_options(hearing)
    hearing.add_argument("--threads", type=_whole(1, MAX_WORKERS), default=1)
    hearing.add_argument("--microphone", action="store_true")
    hearing.add_argument("--device", help="number or name of the microphone")
    hearing.add_argument("--hop", type=_number(0.01, 1), default=0.25, help="seconds to the next")
    hearing.add_argument(
        "--smoothing", type=_number(0, 3600), default=1.0, help="time constant in seconds; 0: none"
    )
    hearing.add_argument("--fast", action="store_true", help="a file faster than it sounds")
    hearing.add_argument("--json", action="store_true", help="JSON Lines, as when piped")
    hearing.add_argument("--rate", type=_whole(1, MAX_RATE), help="Hz, without a WAV header")
    hearing.add_argument("--format", default="S16_LE", help="of samples without a WAV header")
    hearing.add_argument("--channels", type=_whole(1, MAX_CHANNELS), default=1, help="likewise")

    _verb(verbs, "doctor", doctor, "what works on this machine", "")


def _add_classifier_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, help=".tflite or .onnx file")
    parser.add_argument("--backend", help="ai-edge-litert, tflite-runtime or onnxruntime")


def _add_mcu_verbs(verbs: argparse._SubParsersAction[Parser]) -> None:
    example = "MODEL.tflite --out DIR"
    making = _verb(verbs, "mcu", mcu, "compile an int8 .tflite file into C", example)
    making.add_argument("model", type=Path, metavar="MODEL", help="full-int8 .tflite file")
    making.add_argument("--out", type=Path, metavar="DIR", help="where the C project goes")
    making.add_argument("--target", default="cortex-m4", help="processor, or generic")
    making.add_argument("--rounding", choices=("exact", "fast"), default="exact")

    testing = _verb(verbs, "mcu test", mcu_test, "run a C project, compare with TFLM", "DIR")
    _add_board_options(testing)

    reporting = _verb(verbs, "mcu report", mcu_report, "flash, RAM, instructions", "DIR")
    _add_board_options(reporting)
    reporting.add_argument("--json", action="store_true")

    example = "MODEL.tflite --npu ethos-u55-128"
    guessing = _verb(verbs, "estimate", estimate, "what an Ethos-U NPU would make of it", example)
    guessing.add_argument("model", type=Path, metavar="MODEL", help="full-int8 .tflite file")
    guessing.add_argument("--npu", required=True, help="ethos-u55-128, -u65-256 or -u85-256")
    guessing.add_argument("--json", action="store_true")


def _add_board_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="written by tinyscene mcu")
    parser.add_argument("--board", help="such as mps2-an386, or host (default: the target's)")
    parser.add_argument("--toolchain", choices=("gcc", "zig"), help="default: gcc if installed")


def _with_double_verbs(arguments: Sequence[str] | None) -> list[str]:
    """`mcu test DIR` as the verb 'mcu test', beside `mcu MODEL`, which argparse cannot tell."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    double = " ".join(words[:2])
    return [double, *words[2:]] if double in DOUBLE_VERBS else words


def _add_submission_verbs(verbs: argparse._SubParsersAction[Parser]) -> None:
    example = "RUN5 RUN10 RUN25 RUN50 RUN100 --team team.yaml --out task1.zip"
    packing = _verb(verbs, "package", package, "write a validated submission zip", example)
    packing.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="five a system; or an unzipped package"
    )
    packing.add_argument("--team", type=Path, help="YAML about the authors; see: package init")
    packing.add_argument("--out", type=Path, required=True, metavar="ZIP")
    packing.add_argument("--list", type=Path, help="evaluation list, if not the official one")
    reports = packing.add_mutually_exclusive_group()
    reports.add_argument("--report", type=Path, help="technical report, PDF; see: paper")
    reports.add_argument("--draft-report", action="store_true", help="as paper drafts it")

    beginning = _verb(verbs, "package init", package_init, "write a team.yaml to fill in", "RUN...")
    beginning.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="of the systems")
    beginning.add_argument("--out", type=Path, default=Path("team.yaml"), metavar="FILE")

    summary = "draft the technical report as PDF, with its source"
    drafting = _verb(verbs, "paper", paper, summary, "RUN... --team team.yaml --out report")
    drafting.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="five a system")
    drafting.add_argument("--team", type=Path, required=True, help="YAML about the authors")
    drafting.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new or empty")

    validating = _verb(verbs, "validate", validate, "list every fault of a package", "task1.zip")
    validating.add_argument("package", type=Path, metavar="ZIP")
    validating.add_argument("--list", type=Path, help="evaluation list, if not the official one")
    validating.add_argument("--runs", type=Path, nargs="*", default=[], metavar="RUN")
    validating.add_argument("--year", type=int, choices=YEARS, default=DEFAULT_YEAR)
    validating.add_argument("--json", action="store_true", help="one JSON object")

    ruling = _verb(verbs, "rules", rules, "print the rules of a submission", "--year 2025")
    ruling.add_argument("--year", type=int, choices=YEARS, help="only of this year")
    ruling.add_argument("--json", action="store_true")

    showing = _verb(verbs, "demo", demo, "the whole line on synthetic recordings", "")
    showing.add_argument("folder", type=Path, nargs="?", default=Path("demo"), metavar="OUT")
    showing.add_argument("--recipe", default="demo")
    showing.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")


def _verb(
    verbs: argparse._SubParsersAction[Parser],
    name: str,
    function: Verb,
    summary: str,
    example: str,
) -> argparse.ArgumentParser:
    sentence = f"{summary[0].upper()}{summary[1:]}."  # capitalize() would write "c" for "C"
    parser = verbs.add_parser(name, help=summary, description=sentence)
    parser.epilog = f"example: {parser.prog} {example}".rstrip()
    parser.set_defaults(verb=function)
    return parser


def _add_task_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="dataset folder")
    parser.add_argument("--split", type=int, required=True, choices=SPLITS)
    parser.add_argument("--recipe", default="baseline2024", help="name or YAML file")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=_whole(0, MAX_SEED), default=0)
    parser.add_argument("--store", type=Path, help="prepared clips (default: DATA/prepared)")
    parser.add_argument("--out", type=Path, help="run folder (default: runs/...)")
    parser.add_argument("--over-budget", action="store_true", help="train beyond the limits too")
    parser.add_argument("--teachers", type=Path, help="logits to learn from; see: tinyscene teach")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard events")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--data", type=Path, help="dataset folder, if it has moved")
    parser.add_argument("--store", type=Path, help="prepared clips, if they have moved")


def _task(options: argparse.Namespace):  # type: ignore[no-untyped-def]  # Task needs torch
    from baseline.recipe import load_recipe
    from submission.pipeline import Task, default_run_folder, default_store

    recipe = load_recipe(options.recipe, options.set)
    folder = default_run_folder(RUNS, recipe, options.split, options.seed)
    return Task(
        data=options.data,
        store=options.store or default_store(options.data),
        out=options.out or folder,
        recipe=recipe,
        split=options.split,
        seed=options.seed,
        over_budget=options.over_budget,
        tensorboard=options.tensorboard,
        teachers=options.teachers,
        float_only=getattr(options, "float_only", False),
    )


def _keep_memory() -> None:
    from deploy.allocator import keep_memory

    keep_memory()


def _keep_memory_on_a_device() -> None:
    from deploy.allocator import RUN_TIME_BYTES, keep_memory

    keep_memory(RUN_TIME_BYTES)


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    """What reads a whole number in a range, both ends included."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = lowest - 1
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(
                f"found '{text}', expected a whole number from {lowest} to {highest}"
            )
        return number

    return read


def _listed(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """What reads words between commas, each once."""
    return lambda text: list(dict.fromkeys(read(word) for word in text.split(",")))


def _split(text: str) -> int:
    if text not in map(str, SPLITS):
        raise argparse.ArgumentTypeError(
            f"found '{text}', expected some of {', '.join(map(str, SPLITS))}"
        )
    return int(text)


def _number(lowest: float, highest: float) -> Callable[[str], float]:
    """What reads a number in a range, both ends included."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(
                f"found '{text}', expected a number from {lowest:g} to {highest:g}"
            )
        return number

    return read


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"found '{text}', expected whole numbers such as 1,1,256,65"
        ) from error


def entry_point() -> None:
    """What the installed command runs."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - as long as the process
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            # A file's name need not be text, nor a terminal know every letter.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())


if __name__ == "__main__":
    entry_point()
