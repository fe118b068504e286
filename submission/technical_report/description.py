"""What a recipe does, in words: front end, network, training, augmentation, teachers, precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from baseline.recipe import SYNTHETIC, Augmentation, FineTuning, Recipe, Training
from deploy.frontend import front_end
from submission.technical_report.markup import text
from submission.technical_report.references import cite

NETWORKS = {
    "baseline2024": "the convolutional network of the challenge's baseline",
    "cpmobile2023": "CP-Mobile, a convolutional network of inverted residual blocks with a "
    "restricted receptive field",
    "cpresnet128k": "a CP-ResNet of grouped convolutions with a restricted receptive field",
    "cpresnet2020": "CP-ResNet, a residual network with a restricted receptive field",
    "cpresnet2020_damped": "CP-ResNet, a residual network with a restricted receptive field, with "
    "damping of the frequencies far from a filter's centre",
    "cpresnet_dir": "CP-ResNet, a residual network with a restricted receptive field",
    "passt_s": "PaSST, a transformer on patches of the spectrogram, some of which are left out in "
    "training",
}
"""What the registered networks are; any other is its author's own."""

OPTIMIZERS = {"adamw": "AdamW", "adam": "Adam"}
RANGES = {
    "minmax": "the smallest and largest value",
    "percentile": "percentiles",
    "mse": "the smallest mean squared error",
}
"""What chooses the range of an activation, by observer."""


def front_end_text(recipe: Recipe) -> str:
    """From a recording to what the network sees."""
    spec = front_end(recipe.front_end)
    pre_emphasis = (
        f"Pre-emphasis subtracts {spec.pre_emphasis:g} times the sample before. "
        if spec.pre_emphasis
        else ""
    )
    normalised = (
        f" They are normalised by subtracting {spec.mean:g} and dividing by {spec.deviation:g}."
        if spec.normalises
        else ""
    )
    return (
        f"Recordings are resampled to {spec.rate_hz / 1000:g} kHz. {pre_emphasis}A short-time "
        f"Fourier transform of {spec.n_fft} points with a Hann window of {spec.win_length} samples "
        f"({1000 * spec.win_length / spec.rate_hz:.1f} ms) every {spec.hop_length} samples "
        f"({1000 * spec.hop_length / spec.rate_hz:.1f} ms) gives the power spectrum, which "
        f"{spec.n_mels} mel filters from {spec.f_min_hz:g} Hz to {spec.f_max_hz:g} Hz sum up. The "
        f"network sees the natural logarithm of these energies plus {_number(spec.log_offset)}, "
        f"{spec.n_mels} mels by {spec.frames(spec.rate_hz)} frames for one second.{normalised}"
    )


def network_text(recipe: Recipe) -> str:
    """Which network, with what options, and what it starts from."""
    what = NETWORKS.get(recipe.network, "a network of our own")
    name = text(recipe.network)
    options = ", ".join(
        f"{text(key)}: {text(str(value))}" for key, value in recipe.network_options.items()
    )
    built = f", built with {options}" if options else ""
    start = (
        f"starts from the published weights {text(recipe.initial_weights)}"
        if recipe.initial_weights
        else "starts from random weights"
    )
    return f"The network ({name}) is {what}{cite(recipe.network)}{built}. Training {start}."


def training_text(recipe: Recipe) -> str:
    """Optimiser, schedule and arithmetic."""
    return _course(recipe.train) + (
        " The weights after the last epoch are taken; the test clips choose nothing."
    )


def _course(settings: Training) -> str:
    bfloat = " in bfloat16 arithmetic" if settings.arithmetic == "bf16" else ""
    return (
        f"We train{bfloat} for {_count(settings.epochs, 'epoch')} in batches of "
        f"{settings.batch_size} clips with {OPTIMIZERS[settings.optimizer]}"
        f"{cite(settings.optimizer)}, a learning rate of {_number(settings.learning_rate)} and a "
        f"weight decay of {_number(settings.weight_decay)}. {_schedule(settings)}"
    )


def _schedule(settings: Training) -> str:
    ramp = settings.ramp
    if ramp is not None:
        return (
            f"The learning rate rises over {_count(ramp.warmup_epochs, 'epoch')}{cite('ramp')} and "
            f"from epoch {ramp.down_from_epoch + 1} on falls linearly, over "
            f"{_count(ramp.down_epochs, 'epoch')}, to {_number(ramp.last_factor)} of it."
        )
    warmup = (
        f"{settings.warmup_steps:,} steps"
        if settings.warmup_steps is not None
        else f"{100 * (settings.warmup_share or 0):g} % of the steps"
    )
    rises = "" if warmup.startswith("0 ") else f"rises linearly over {warmup} and then "
    return f"The learning rate {rises}follows half a cosine down to zero{cite('cosine')}."


def augmentation_text(recipe: Recipe) -> str:
    """Every step that is switched on, in the order in which it is done."""
    settings = recipe.augment
    steps = [step for describe in STEPS if (step := describe(settings))]
    if not steps:
        return "Training clips are not augmented."
    return f"Each training batch is augmented, in this order: {'; '.join(steps)}."


def _pitch(settings: Augmentation) -> str:
    if not settings.pitch_semitones:
        return ""
    return f"pitch shifts of up to {_count(settings.pitch_semitones, 'semitone')} either way"


def _responses(settings: Augmentation) -> str:
    if not settings.impulse_responses or not settings.impulse_response_probability:
        return ""
    invented = settings.impulse_responses == SYNTHETIC
    source = "invented microphones" if invented else "recording devices"
    devices = ", ".join(text(device) for device in settings.impulse_response_devices)
    return (
        f"with a probability of {settings.impulse_response_probability:g}, a convolution of clips "
        f"of device {devices} with the impulse responses of "
        f"{source}{cite('impulse_responses')}"
    )


def _roll(settings: Augmentation) -> str:
    if not settings.roll_seconds:
        return ""
    return f"a circular shift in time by up to {settings.roll_seconds:g} s either way"


def _mel_range(settings: Augmentation) -> str:
    lowest, highest = settings.lowest_mel_range_hz, settings.highest_mel_range_hz
    if lowest == highest == 1:
        return ""
    # The draws: 0 to less than the setting, and from minus half of it to half of it.
    ends = [f"begins up to {lowest - 1} Hz higher"] if lowest > 1 else []
    ends += [f"ends up to {highest // 2} Hz lower or higher"] if highest > 1 else []
    return f"a mel range that {' and '.join(ends)}{cite('mel_range')}"


def _frequency_mask(settings: Augmentation) -> str:
    if not settings.frequency_mask_mels:
        return ""
    mels = _count(settings.frequency_mask_mels, "mel")
    return f"a mask over up to {mels}{cite('frequency_mask_mels')}"


def _time_mask(settings: Augmentation) -> str:
    if not settings.time_mask_frames:
        return ""
    frames = _count(settings.time_mask_frames, "frame")
    return f"a mask over up to {frames}{cite('time_mask_frames')}"


def _mixstyle(settings: Augmentation) -> str:
    if not settings.mixstyle_probability:
        return ""
    return (
        f"Freq-MixStyle{cite('mixstyle_probability')} with a probability of "
        f"{settings.mixstyle_probability:g} and shares from "
        f"Beta({settings.mixstyle_alpha:g}, {settings.mixstyle_alpha:g})"
    )


def _mixup(settings: Augmentation) -> str:
    if not settings.mixup_alpha:
        return ""
    return (
        f"mixup of log-mels and labels{cite('mixup_alpha')} with shares from "
        f"Beta({settings.mixup_alpha:g}, {settings.mixup_alpha:g})"
    )


STEPS: tuple[Callable[[Augmentation], str], ...] = (
    _pitch,
    _responses,
    _roll,
    _mel_range,
    _frequency_mask,
    _time_mask,
    _mixstyle,
    _mixup,
)
"""In the order of `baseline.augmentation.augmenter`; each describes a step, or is empty."""


def distillation_text(recipe: Recipe) -> str:
    """How teachers' logits are learnt; empty without teachers."""
    settings = recipe.distill
    if settings is None:
        return ""
    return (
        f"The network learns from teachers{cite('distill')}: the loss is "
        f"{settings.label_weight:g} times the cross entropy of the labels plus "
        f"{settings.teacher_weight:g} times the Kullback-Leibler divergence from the teachers' "
        f"mean logits, both softened by a temperature of {settings.temperature:g} and averaged "
        "over batch and classes."
    )


def precision_text(recipe: Recipe) -> str:
    """At which precision the network is submitted, and how it gets there."""
    if recipe.precision == "fp32":
        return "The network is submitted as trained, at 32 bits a parameter. It is not quantised."
    if recipe.precision == "fp16":
        return (
            "The trained network is converted to 16 bits a parameter, at which it is submitted. It "
            "is not quantised to integers for the submission."
        )
    return QUANTISATIONS[recipe.quantize.method](recipe)


def _post_training(recipe: Recipe) -> str:
    return (
        f"The trained network is quantised to int8{cite('int8')}, weights and activations, without "
        f"further training. {_ranges(recipe)}"
    )


def _in_training(recipe: Recipe) -> str:
    settings = recipe.quantize
    aim = (
        "what the float network says of each clip"
        if settings.qat_target == "float_network"
        else "again what that was trained on"
    )
    return (
        f"The trained network is quantised to int8{cite('int8')}, weights and activations, in a "
        f"further training that imitates the rounding and learns {aim}. {_ranges(recipe)} "
        f"{_course(settings.qat)} {_frozen(settings.qat)}"
    )


def _tuned(recipe: Recipe) -> str:
    settings = recipe.quantize
    return (
        f"The trained network is quantised to int8{cite('int8')} by neural-compressor, which keeps "
        "layers in float until the accuracy on "
        f"{settings.held_out_clips} training clips falls by no more than "
        f"{100 * settings.tolerable_drop:g} %. {_calibration(recipe)}"
    )


QUANTISATIONS = {"ptq": _post_training, "qat": _in_training, "tuned": _tuned}
"""What each method of quantisation does."""


def _ranges(recipe: Recipe) -> str:
    return (
        f"{_calibration(recipe)} The range of an activation is chosen by "
        f"{RANGES[recipe.quantize.observer]}."
    )


def _calibration(recipe: Recipe) -> str:
    return f"It is calibrated on {recipe.quantize.calibration_clips} training clips."


def _frozen(settings: FineTuning) -> str:
    last = "epoch" if settings.frozen_epochs == 1 else f"{settings.frozen_epochs} epochs"
    return f"In the last {last} the ranges of the activations stay as they are."


def paragraphs(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Headings and markup of all that a recipe does."""
    for heading, describe in SECTIONS.items():
        if described := describe(recipe):
            yield heading, described


SECTIONS: dict[str, Callable[[Recipe], str]] = {
    "Front end": front_end_text,
    "Network": network_text,
    "Augmentation": augmentation_text,
    "Knowledge distillation": distillation_text,
    "Training": training_text,
    "Precision": precision_text,
}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _number(value: float) -> str:
    """A number as people write it: powers of ten where there are many zeros."""
    shown = f"{value:g}"
    mantissa, e, exponent = shown.partition("e")
    if not e:
        return shown
    factor = "" if mantissa == "1" else f"{mantissa} times "
    return f"${factor}10^({int(exponent)})$"
