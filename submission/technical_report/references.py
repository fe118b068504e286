"""The papers behind what a recipe may use."""

from __future__ import annotations

from typing import NamedTuple

import yaml


class Paper(NamedTuple):
    """A publication."""

    authors: tuple[str, ...]
    """Each `Last name, First name`."""
    title: str
    year: int
    where: str
    """Proceedings, journal, or what kind of report it is."""
    arxiv: str | None = None


def _authors(*names: str) -> tuple[str, ...]:
    return names


PAPERS = {
    "schmid2024": Paper(
        _authors(
            "Schmid, Florian",
            "Primus, Paul",
            "Heittola, Toni",
            "Mesaros, Annamaria",
            "Martín-Morató, Irene",
            "Koutini, Khaled",
            "Widmer, Gerhard",
        ),
        "Data-Efficient Low-Complexity Acoustic Scene Classification in the DCASE 2024 Challenge",
        2024,
        "Workshop on Detection and Classification of Acoustic Scenes and Events (DCASE)",
        arxiv="2405.10018",
    ),
    "schmid2023": Paper(
        _authors(
            "Schmid, Florian",
            "Morocutti, Tobias",
            "Masoudian, Shahed",
            "Koutini, Khaled",
            "Widmer, Gerhard",
        ),
        "CP-JKU Submission to DCASE23: Efficient Acoustic Scene Classification with CP-Mobile",
        2023,
        "Technical report, DCASE 2023 Challenge",
    ),
    "schmid2022": Paper(
        _authors("Schmid, Florian", "Masoudian, Shahed", "Koutini, Khaled", "Widmer, Gerhard"),
        "Knowledge Distillation From Transformers for Low-Complexity Acoustic Scene Classification",
        2022,
        "Workshop on Detection and Classification of Acoustic Scenes and Events (DCASE)",
    ),
    "koutini2020": Paper(
        _authors("Koutini, Khaled", "Henkel, Florian", "Eghbal-zadeh, Hamid", "Widmer, Gerhard"),
        "Low-Complexity Models for Acoustic Scene Classification Based on Receptive Field "
        "Regularization and Frequency Damping",
        2020,
        "Workshop on Detection and Classification of Acoustic Scenes and Events (DCASE)",
        arxiv="2011.02955",
    ),
    "koutini2021": Paper(
        _authors("Koutini, Khaled", "Eghbal-zadeh, Hamid", "Widmer, Gerhard"),
        "Receptive Field Regularization Techniques for Audio Classification and Tagging with Deep "
        "Convolutional Neural Networks",
        2021,
        "IEEE/ACM Transactions on Audio, Speech, and Language Processing",
        arxiv="2105.12395",
    ),
    "koutini2022": Paper(
        _authors("Koutini, Khaled", "Schlüter, Jan", "Eghbal-zadeh, Hamid", "Widmer, Gerhard"),
        "Efficient Training of Audio Transformers with Patchout",
        2022,
        "Interspeech",
        arxiv="2110.05069",
    ),
    "morocutti2023": Paper(
        _authors("Morocutti, Tobias", "Schmid, Florian", "Koutini, Khaled", "Widmer, Gerhard"),
        "Device-Robust Acoustic Scene Classification via Impulse Response Augmentation",
        2023,
        "European Signal Processing Conference (EUSIPCO)",
        arxiv="2305.07499",
    ),
    "zhou2021": Paper(
        _authors("Zhou, Kaiyang", "Yang, Yongxin", "Qiao, Yu", "Xiang, Tao"),
        "Domain Generalization with MixStyle",
        2021,
        "International Conference on Learning Representations (ICLR)",
        arxiv="2104.02008",
    ),
    "zhang2018": Paper(
        _authors("Zhang, Hongyi", "Cisse, Moustapha", "Dauphin, Yann N.", "Lopez-Paz, David"),
        "mixup: Beyond Empirical Risk Minimization",
        2018,
        "International Conference on Learning Representations (ICLR)",
        arxiv="1710.09412",
    ),
    "park2019": Paper(
        _authors(
            "Park, Daniel S.",
            "Chan, William",
            "Zhang, Yu",
            "Chiu, Chung-Cheng",
            "Zoph, Barret",
            "Cubuk, Ekin D.",
            "Le, Quoc V.",
        ),
        "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition",
        2019,
        "Interspeech",
        arxiv="1904.08779",
    ),
    "heittola2020": Paper(
        _authors("Heittola, Toni", "Mesaros, Annamaria", "Virtanen, Tuomas"),
        "Acoustic Scene Classification in DCASE 2020 Challenge: Generalization Across Devices and "
        "Low Complexity Solutions",
        2020,
        "Workshop on Detection and Classification of Acoustic Scenes and Events (DCASE)",
        arxiv="2005.14623",
    ),
    "hinton2015": Paper(
        _authors("Hinton, Geoffrey", "Vinyals, Oriol", "Dean, Jeff"),
        "Distilling the Knowledge in a Neural Network",
        2015,
        "NIPS Deep Learning Workshop 2014",
        arxiv="1503.02531",
    ),
    "loshchilov2017": Paper(
        _authors("Loshchilov, Ilya", "Hutter, Frank"),
        "SGDR: Stochastic Gradient Descent with Warm Restarts",
        2017,
        "International Conference on Learning Representations (ICLR)",
        arxiv="1608.03983",
    ),
    "loshchilov2019": Paper(
        _authors("Loshchilov, Ilya", "Hutter, Frank"),
        "Decoupled Weight Decay Regularization",
        2019,
        "International Conference on Learning Representations (ICLR)",
        arxiv="1711.05101",
    ),
    "kingma2015": Paper(
        _authors("Kingma, Diederik P.", "Ba, Jimmy"),
        "Adam: A Method for Stochastic Optimization",
        2015,
        "International Conference on Learning Representations (ICLR)",
        arxiv="1412.6980",
    ),
    "jacob2018": Paper(
        _authors(
            "Jacob, Benoit",
            "Kligys, Skirmantas",
            "Chen, Bo",
            "Zhu, Menglong",
            "Tang, Matthew",
            "Howard, Andrew",
            "Adam, Hartwig",
            "Kalenichenko, Dmitry",
        ),
        "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only "
        "Inference",
        2018,
        "IEEE Conference on Computer Vision and Pattern Recognition (CVPR)",
        arxiv="1712.05877",
    ),
}

USED_BY = {
    "challenge": ("schmid2024",),
    "dataset": ("heittola2020",),
    "baseline2024": ("schmid2024",),
    "cpmobile2023": ("schmid2023",),
    "cpresnet128k": ("schmid2022", "koutini2021"),
    "cpresnet2020": ("koutini2020", "koutini2021"),
    "cpresnet2020_damped": ("koutini2020", "koutini2021"),
    "cpresnet_dir": ("morocutti2023", "koutini2021"),
    "passt_s": ("koutini2022",),
    "roll_seconds": (),
    "frequency_mask_mels": ("park2019",),
    "time_mask_frames": ("park2019",),
    "mixstyle_probability": ("zhou2021", "schmid2022"),
    "impulse_responses": ("morocutti2023",),
    "mixup_alpha": ("zhang2018",),
    "mel_range": ("koutini2022",),
    "distill": ("hinton2015", "schmid2022"),
    "adamw": ("loshchilov2019",),
    "adam": ("kingma2015",),
    "cosine": ("loshchilov2017",),
    "ramp": ("koutini2022",),
    "int8": ("jacob2018",),
}
"""What a recipe uses, a network, an optimiser or a setting, and the papers it comes from."""


def cite(use: str) -> str:
    """Markup that cites the papers behind something, with a space before; empty if there are none.

    One's own network, `module:function`, has none here.
    """
    return "".join(f" @{key}" for key in USED_BY.get(use, ()))


def bibliography() -> str:
    """All papers in Hayagriva's YAML; Typst prints those that are cited."""
    return yaml.safe_dump(
        {key: _entry(paper) for key, paper in PAPERS.items()},
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )


def _entry(paper: Paper) -> dict[str, object]:
    address = {"url": f"https://arxiv.org/abs/{paper.arxiv}"} if paper.arxiv else {}
    return {
        "type": "article",
        "author": list(paper.authors),
        "title": {"value": paper.title, "verbatim": True},
        "date": paper.year,
        **address,
        "parent": {"type": "proceedings", "title": {"value": paper.where, "verbatim": True}},
    }
