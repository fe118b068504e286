"""Quantisation-aware training: the network learns to be right in spite of rounding.

torchao's PT2E puts fake quantisers into the exported graph of a trained network. The graph is then
trained to decide as the float network does, or as labels and teachers say, and becomes both a
TFLite and an ONNX file.
"""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import fx, nn

from baseline import features
from baseline.augmentation.augmenter import create_augmenter
from baseline.clips import Dataset
from baseline.loop import Batch, Course, LabelledClips, Loss, State, run_epochs
from baseline.recipe import Quantization
from baseline.run import Run
from baseline.store import Store
from baseline.training import make_optimizer, training_loss
from deploy.files import read_json, replacing, write_json
from quantize import onnx_files, tflite_files
from quantize.lean_file import write_lean
from quantize.quiet import output_to
from quantize.ranges import Observer, Tensors, observe
from quantize.weight_rounding import round_weights

TEMPERATURE = 2.0
"""Of the probabilities compared (Hinton et al., Distilling the Knowledge in a Neural Network)."""


def train_qat(
    run: Run,
    network: nn.Module,
    dataset: Dataset,
    store: Store,
    log_mels: np.ndarray,
    settings: Quantization,
    *,
    show_progress: bool = True,
) -> fx.GraphModule:
    """Fine-tune a trained network with fake quantisers on the run's split.

    A stopped training with the same settings goes on where it was.

    Weights start where post-training quantisation rounds them. The ranges of the activations are
    observed on the calibration clips before each epoch but the last `frozen_epochs`. Batch
    norm is folded into the convolutions first: its statistics stay as trained throughout.

    Args:
        network: the run's, in evaluation mode.
        log_mels: calibration clips (clips, 1, mels, frames), float32.

    Returns:
        The trained graph, for `write_tflite` and `write_onnx`.

    Raises:
        InputError: a corrupt checkpoint, unusable impulse responses, teachers' logits that are
            gone, or a full disk.
    """
    fabric = Fabric(accelerator="auto", devices=1)
    with output_to(run.quantize_log):
        prepared = prepare(round_weights(network, torch.from_numpy(log_mels)), log_mels[:2])
    state = State(*fabric.setup(prepared, make_optimizer(prepared, settings.qat)))
    observer = Observer(settings.observer, settings.percentile)

    def observe_ranges(epoch: int) -> None:
        if epoch == 0 or epoch < settings.qat.epochs - settings.qat.frozen_epochs:
            set_ranges(prepared, log_mels, observer)

    rows = dataset.train_rows(run.split)
    loss = _loss(run, settings, network, list(dataset.clips.filename[rows]), fabric.device)
    training_set = LabelledClips(dataset, store, rows, fabric.device)
    front_end = features.create(run.recipe.front_end).to(fabric.device)
    devices = training_set.devices.tolist()
    augmenter = create_augmenter(run.recipe.augment, front_end, devices, fabric.device)
    _start_anew_with_other_settings(run, settings)
    run_epochs(
        _course(run, settings, loss),
        fabric,
        state,
        augmenter,
        training_set,
        before_epoch=observe_ranges,
        show_progress=show_progress,
    )
    return prepared.cpu()


def prepare(network: nn.Module, example: np.ndarray) -> fx.GraphModule:
    """The exported graph of a network in evaluation mode, with fake quantisers.

    Args:
        example: two log-mels (2, 1, mels, frames); with one, torch would fix the batch size.
    """
    from torchao.quantization.pt2e import allow_exported_model_train_eval
    from torchao.quantization.pt2e.quantize_pt2e import prepare_qat_pt2e
    from torchao.quantization.pt2e.utils import _fuse_conv_bn_

    from quantize.annotation import make_quantizer

    batch = ({0: torch.export.Dim("batch")},)
    exported = torch.export.export(network, (torch.from_numpy(example),), dynamic_shapes=batch)
    graph = exported.module(check_guards=False)
    _fuse_conv_bn_(graph)
    prepared = prepare_qat_pt2e(graph, make_quantizer())
    return allow_exported_model_train_eval(prepared)


def set_ranges(prepared: fx.GraphModule, log_mels: np.ndarray, observer: Observer) -> None:
    """Observe the activations of the float graph and fix the fake quantisers' ranges."""
    quantizers = _activation_quantizers(prepared)
    _pretend(prepared, False)
    ranges = observe(_tensors(prepared, quantizers), log_mels, observer)
    _pretend(prepared, True)
    for name, (low, high) in ranges.items():
        quantizer = quantizers[name]
        quantizer.disable_observer()
        device = quantizer.scale.device
        quantizer.activation_post_process.min_val = torch.tensor(low, device=device)
        quantizer.activation_post_process.max_val = torch.tensor(high, device=device)
        scale, zero_point = quantizer.calculate_qparams()
        quantizer.scale.copy_(scale)
        quantizer.zero_point.copy_(zero_point)


def write_tflite(prepared: fx.GraphModule, example: np.ndarray, path: Path) -> None:
    """Write the trained graph as full-int8 TFLite with input (1, mels, frames, 1)."""
    import litert_torch
    from litert_torch.quantize.quant_config import QuantConfig

    from quantize.annotation import make_quantizer

    wrapped = litert_torch.to_channel_last_io(converted(prepared), args=[0])
    example = tflite_files.channels_last(example[:1])
    with TemporaryDirectory() as folder, replacing(path) as temporary:
        whole = Path(folder) / "whole.tflite"
        quantizer = QuantConfig(pt2e_quantizer=make_quantizer())
        litert_torch.convert(wrapped, (torch.from_numpy(example),), quant_config=quantizer).export(
            str(whole)
        )
        write_lean(whole, temporary)


def write_onnx(prepared: fx.GraphModule, example: np.ndarray, path: Path) -> None:
    """Write the trained graph as QDQ int8 ONNX with a free batch size."""
    onnx_files.export_quantized(converted(prepared), example, path)


def converted(prepared: fx.GraphModule) -> fx.GraphModule:
    """A copy of the trained graph that quantises and dequantises instead of pretending to."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

    return convert_pt2e(copy.deepcopy(prepared), fold_quantize=False)


def _loss(
    run: Run,
    settings: Quantization,
    network: nn.Module,
    filenames: list[str],
    device: torch.device,
) -> Loss:
    if settings.qat_target == "float_network":
        return _agreement_with(copy.deepcopy(network).to(device))
    teachers = run.record.get("teachers")
    return training_loss(run, Path(teachers) if teachers else None, filenames, device)


def _agreement_with(teacher: nn.Module) -> Loss:
    def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        with torch.no_grad():
            target = (teacher(batch.log_mel) / TEMPERATURE).log_softmax(1)
        return nn.functional.kl_div(
            (logits / TEMPERATURE).log_softmax(1), target, log_target=True, reduction="batchmean"
        )

    return loss


def _course(run: Run, settings: Quantization, loss: Loss) -> Course:
    return Course(
        title=f"quantise {run.folder.name}",
        settings=settings.qat,
        seed=run.seed,
        loss=loss,
        checkpoint_file=run.qat_checkpoint_file,
        history_file=run.qat_history_file,
    )


def _start_anew_with_other_settings(run: Run, settings: Quantization) -> None:
    """Forget a stopped training of other settings than these."""
    wanted = settings.model_dump()
    if run.qat_settings_file.is_file() and read_json(run.qat_settings_file) != wanted:
        run.qat_checkpoint_file.unlink(missing_ok=True)
    write_json(run.qat_settings_file, wanted)


def _pretend(prepared: fx.GraphModule, enabled: bool) -> None:
    for module in prepared.modules():
        if hasattr(module, "fake_quant_enabled"):
            module.fake_quant_enabled.fill_(int(enabled))  # type: ignore[operator]


def _activation_quantizers(prepared: fx.GraphModule) -> dict[str, Any]:
    return {
        name: module
        for name, module in prepared.named_modules()
        if hasattr(module, "fake_quant_enabled") and not module.is_per_channel
    }


def _tensors(prepared: fx.GraphModule, quantizers: dict[str, Any]) -> Tensors:
    """What runs a clip and gives all that reaches each of the quantisers."""
    device = next(prepared.parameters()).device

    @torch.no_grad()
    def tensors(log_mel: np.ndarray) -> dict[str, np.ndarray]:
        seen: dict[str, list[np.ndarray]] = {name: [] for name in quantizers}
        hooks = [
            module.register_forward_pre_hook(
                lambda _, inputs, name=name: seen[name].append(inputs[0].cpu().numpy().ravel())
            )
            for name, module in quantizers.items()
        ]
        prepared(torch.from_numpy(log_mel).to(device))
        for hook in hooks:
            hook.remove()
        return {name: np.concatenate(values) for name, values in seen.items()}

    return tensors
