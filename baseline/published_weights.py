"""Where the weights of published networks are, and what each file is to hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["passt", "deit", "mn", "dymn", "cp_resnet", "logits"]
"""The network; or a teacher's `logits`, a row for each clip."""


@dataclass(frozen=True)
class Published:
    """A file of a public release."""

    url: str
    kind: Kind
    trained_on: str
    arch: str = ""
    """Of a PaSST: one of `baseline.models.passt.ARCHS`."""
    classes: int = 0
    """Of a PaSST's head."""
    sha256_start: str = ""
    """First hexadecimal digits of the checksum, where they are published."""

    @property
    def file(self) -> str:
        """Its name."""
        return self.url.rpartition("/")[2]


CHALLENGE_DATA = "TAU 2022"
"""The challenge's own recordings, all of them."""

PASST = "https://github.com/kkoutini/PaSST/releases/download"
EFFICIENT_AT = "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1"
DCASE2022 = "https://github.com/CPJKU/cpjku_dcase22/releases/download/v0.0.1"
DCASE2023 = "https://github.com/fschmid56/cpjku_dcase23/releases/download/ensemble_logits"
DEIT = "https://dl.fbaipublicfiles.com/deit"

PASST_FILES = {
    # name: (architecture, release, file)
    "passt_s_kd_p16_128_ap486": ("s10", "v.0.0.9", "passt-s-kd-ap.486"),
    "passt_l_kd_p16_128_ap47": ("l10", "v.0.0.10", "passt-l-kd-ap.47"),
    "passt_s_swa_p16_128_ap476": ("s10", "v0.0.1-audioset", "passt-s-f128-p16-s10-ap.476-swa"),
    "passt_s_swa_p16_128_ap4761": ("s10", "v0.0.2-audioset", "passt-s-f128-p16-s10-ap.4761-swa"),
    "passt_s_p16_128_ap472": ("s10", "v0.0.2-audioset", "passt-s-f128-p16-s10-ap.472"),
    "passt_s_p16_s12_128_ap470": ("s12", "v0.0.2-audioset", "passt-s-f128-p16-s12-ap.470"),
    "passt_s_swa_p16_s12_128_ap473": ("s12", "v0.0.2-audioset", "passt-s-f128-p16-s12-ap.473-swa"),
    "passt_s_p16_s14_128_ap469": ("s14", "v0.0.2-audioset", "passt-s-f128-p16-s14-ap.469"),
    "passt_s_swa_p16_s14_128_ap471": ("s14", "v0.0.2-audioset", "passt-s-f128-p16-s14-ap.471-swa"),
    "passt_s_p16_s16_128_ap468": ("s16", "v0.0.2-audioset", "passt-s-f128-p16-s16-ap.468"),
    "passt_s_swa_p16_s16_128_ap473": ("s16", "v0.0.2-audioset", "passt-s-f128-p16-s16-ap.473-swa"),
    "passt_s_hop100_ap473": (
        "s10_hop100",
        "v0.0.3-audioset",
        "passt-s-f128-stfthop100-p16-s10-ap.473-swa",
    ),
    "passt_s_hop160_ap473": (
        "s10_hop160",
        "v0.0.3-audioset",
        "passt-s-f128-stfthop160-p16-s10-ap.473-swa",
    ),
    "passt_s_20sec_ap474": ("s10_20s", "v0.0.5", "passt-s-f128-20sec-p16-s10-ap.474-swa"),
    "passt_s_30sec_ap473": ("s10_30s", "v0.0.5", "passt-s-f128-30sec-p16-s10-ap.473-swa"),
}
"""PaSST on AudioSet (Koutini et al. 2022)."""

MN_IMAGENET = ("mn01", "mn02", "mn04", "mn05", "mn10", "mn20", "mn30", "mn40")
MN_AUDIOSET = {
    # name: mean average precision, which is in the file's name
    "mn01_as": 298,
    "mn02_as": 378,
    "mn04_as": 432,
    "mn05_as": 443,
    "mn10_as": 471,
    "mn20_as": 478,
    "mn30_as": 482,
    "mn40_as": 484,
    "mn40_as_no_im_pre": 483,
    "mn40_as_ext": 487,
    "mn10_as_hop_5": 475,
    "mn10_as_hop_15": 463,
    "mn10_as_hop_20": 456,
    "mn10_as_hop_25": 447,
    "mn10_as_mels_40": 453,
    "mn10_as_mels_64": 461,
    "mn10_as_mels_256": 474,
    "mn10_as_fc": 465,
    "mn10_as_fc_s2221": 466,
    "mn10_as_fc_s2211": 466,
}
"""EfficientAT's MobileNetV3 (Schmid et al. 2023), of several runs the best."""

DYMN_IMAGENET = ("dymn04", "dymn10", "dymn20")
DYMN_AUDIOSET = {
    "dymn04_as": "dymn04_as",
    "dymn10_as": "dymn10_as",
    "dymn20_as": "dymn20_as_mAP_493",
    "dymn04_replace_se_as": "dymn04_replace_se_as",
    "dymn10_replace_se_as": "dymn10_replace_se_as",
}
"""EfficientAT's dynamic MobileNets (Schmid et al. 2024)."""

SCENE_PASSTS = {
    **{f"passt_{run}": DCASE2022 for run in (253, 254, 255, 256)},
    **{f"passt_{mix}_{run}": DCASE2023 for mix in ("dirfms", "fms") for run in (1, 2, 3)},
}
"""Teachers of the CP-JKU systems of 2022 and 2023, trained on TAU 2022."""

SCENE_CP_RESNETS = [f"cpr_128k_{mix}_{run}" for mix in ("dirfms", "fms") for run in (1, 2, 3)]
"""Small teachers of 2023."""

PUBLISHED: dict[str, Published] = {
    **{
        name: Published(f"{PASST}/{release}/{file}.pt", "passt", "AudioSet", arch, 527)
        for name, (arch, release, file) in PASST_FILES.items()
    },
    **{
        name: Published(f"{release}/{name}.pt", "passt", CHALLENGE_DATA, "s10", 10)
        for name, release in SCENE_PASSTS.items()
    },
    **{
        name: Published(f"{DCASE2023}/{name}.pt", "cp_resnet", CHALLENGE_DATA)
        for name in SCENE_CP_RESNETS
    },
    "ensemble_logits": Published(f"{DCASE2023}/ensemble_logits.pt", "logits", CHALLENGE_DATA),
    "preds_227": Published(f"{DCASE2022}/preds_227.pt", "logits", f"{CHALLENGE_DATA}, 10 s"),
    "deit_base_distilled_patch16_384": Published(
        f"{DEIT}/deit_base_distilled_patch16_384-d0272ac0.pth",
        "deit",
        "ImageNet",
        sha256_start="d0272ac0",
    ),
    **{
        f"{name}_im": Published(f"{EFFICIENT_AT}/{name}_im.pt", "mn", "ImageNet")
        for name in MN_IMAGENET
    },
    **{
        name: Published(f"{EFFICIENT_AT}/{name}_mAP_{precision}.pt", "mn", "AudioSet")
        for name, precision in MN_AUDIOSET.items()
    },
    **{
        f"{name}_im": Published(f"{EFFICIENT_AT}/{name}_im.pt", "dymn", "ImageNet")
        for name in DYMN_IMAGENET
    },
    **{
        name: Published(f"{EFFICIENT_AT}/{file}.pt", "dymn", "AudioSet")
        for name, file in DYMN_AUDIOSET.items()
    },
}
"""Published weights by name."""
