"""Published weights from a local server: fetched, resumed, checked, refused where they differ."""

import hashlib
import io
from dataclasses import replace

import pytest
import torch

import tinyscene
from baseline import weights
from baseline.download import PIECE_BYTES
from baseline.models.passt import ARCHS, Arch, PaSST
from baseline.published_weights import PUBLISHED, Published
from baseline.weights import LANDMARKS, default_folder, fetch, find
from deploy.errors import InputError

TINY = Arch(width=96, depth=1, heads=2)


def in_bytes(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.fixture
def tiny(server, monkeypatch):
    """The weights of a tiny PaSST on the server."""
    monkeypatch.setitem(ARCHS, "tiny", TINY)
    server.files["/v1/tiny.pt"] = in_bytes(PaSST(TINY, 5).state_dict())
    return Published(f"{server.url}/v1/tiny.pt", "passt", "noise", "tiny", 5)


def get(published, folder):
    return fetch(published, folder, show_progress=False)


def test_fetched_once_and_kept(tiny, server, tmp_path):
    path = get(tiny, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "tiny.pt"
    assert path.read_bytes() == server.files["/v1/tiny.pt"]
    server.requests.clear()
    assert get(tiny, path.parent) == path
    assert server.requests == []
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_cut_connection_is_continued(knows_ranges, tiny, server, tmp_path):
    server.knows_ranges = knows_ranges
    whole = server.files["/v1/tiny.pt"]
    server.cuts["/v1/tiny.pt"] = [len(whole), len(whole) // 2]  # the size, half of it, the rest
    assert get(tiny, tmp_path).read_bytes() == whole
    assert len(server.requests) == 3


def test_later_run_continues_the_part(tiny, server, tmp_path):
    whole = server.files["/v1/tiny.pt"]
    server.cuts["/v1/tiny.pt"] = [len(whole), len(whole) // 2, 0, 0, 0]
    with pytest.raises(InputError, match="what is downloaded is kept"):
        get(tiny, tmp_path)
    kept = (tmp_path / "tiny.pt.part").stat().st_size
    assert len(whole) // 2 - PIECE_BYTES <= kept <= len(whole) // 2
    server.cuts.clear()
    server.requests.clear()
    assert get(tiny, tmp_path).read_bytes() == whole
    assert server.requests[-1] == ("/v1/tiny.pt", f"bytes={kept}-")


def test_server_in_trouble_is_asked_again(tiny, server, tmp_path):
    server.statuses["/v1/tiny.pt"] = [503, 429]
    get(tiny, tmp_path)


def test_offline_says_what_to_place_where(tiny, server, tmp_path):
    url = tiny.url
    server.shutdown()
    server.socket.close()
    with pytest.raises(InputError) as refusal:
        get(tiny, tmp_path)
    sentence = str(refusal.value)
    assert sentence.startswith(f"{url}: cannot be downloaded (no connection")
    assert sentence.endswith(f"or get it by other means and place it as {tmp_path / 'tiny.pt'}.")


def test_file_placed_by_hand_needs_no_server(tiny, server, tmp_path):
    (tmp_path / "tiny.pt").write_bytes(server.files.pop("/v1/tiny.pt"))
    assert get(tiny, tmp_path) == tmp_path / "tiny.pt"
    assert server.requests == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<html>not found", "cannot be read as a file of weights"),
        (
            in_bytes(PaSST(TINY, 7).state_dict()),
            r"4 of another shape \(head.1.weight \(7, 96\) for",
        ),
        (in_bytes(PaSST(replace(TINY, depth=2), 5).state_dict()), "12 surplus"),
        (in_bytes({}), "27 missing"),
    ],
)
def test_wrong_file_is_refused(content, sentence, tiny, server, tmp_path):
    server.files["/v1/tiny.pt"] = content
    with pytest.raises(InputError, match=sentence):
        get(tiny, tmp_path)


def test_checksum_that_begins_otherwise(tiny, server, tmp_path):
    digest = hashlib.sha256(server.files["/v1/tiny.pt"]).hexdigest()
    get(replace(tiny, sha256_start=digest[:8]), tmp_path)
    with pytest.raises(InputError, match=f"begins with {digest[:8]}, expected 00000000"):
        get(replace(tiny, sha256_start="00000000"), tmp_path)


@pytest.mark.parametrize("kind", LANDMARKS)
def test_other_networks_are_told_by_their_keys(kind, server, tmp_path):
    published = Published(f"{server.url}/net.pt", kind, "noise")
    state = {key: torch.zeros(1) for key in LANDMARKS[kind]}
    server.files["/net.pt"] = in_bytes({"other": torch.zeros(1)})
    with pytest.raises(InputError, match=f"has no {next(iter(state))}, .*expected the weights"):
        get(published, tmp_path / "wrong")
    server.files["/net.pt"] = in_bytes(state)
    get(published, tmp_path / "right")


def test_landmarks_are_keys_of_the_originals(shared, golden_tagging):
    keys = (shared / "specs" / "keys" / "sd_cpresnet23_128k.txt").read_text().split()
    assert set(LANDMARKS["cp_resnet"]) <= set(keys)
    for kind, archive in (("mn", "mn01_mlp527"), ("dymn", "dymn01_replace_se_20")):
        assert {f"sd/{key}" for key in LANDMARKS[kind]} <= set(golden_tagging(archive).files)


def test_logits_of_a_teacher(server, tmp_path):
    published = Published(f"{server.url}/logits.pt", "logits", "noise")
    server.files["/logits.pt"] = in_bytes(torch.zeros(7, 10, dtype=torch.half))
    get(published, tmp_path / "right")
    server.files["/logits.pt"] = in_bytes(torch.zeros(7, 9))
    with pytest.raises(InputError, match=r"found shape \(7, 9\), expected logits of shape"):
        get(published, tmp_path / "wrong")
    server.files["/logits.pt"] = in_bytes({"a": torch.zeros(7, 10)})
    with pytest.raises(InputError, match="found something else, expected logits"):
        get(published, tmp_path / "other")


def test_folder_is_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYSCENE_WEIGHTS", str(tmp_path / "here"))
    assert default_folder() == tmp_path / "here"
    monkeypatch.delenv("TINYSCENE_WEIGHTS")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "tinyscene" / "weights"


def test_files_have_names_of_their_own_and_known_archs():
    assert len({row.file for row in PUBLISHED.values()}) == len(PUBLISHED)
    for row in PUBLISHED.values():
        assert row.url.startswith("https://")
        assert (row.arch in ARCHS) == (row.kind == "passt")


def test_unknown_name_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'dymn20_as'"):
        find("dymn20_az")


def test_the_verbs(tiny, tmp_path, monkeypatch, capsys):
    assert tinyscene.main(["weights"]) == 0
    assert "passt_dirfms_1" in capsys.readouterr().out
    monkeypatch.setitem(weights.PUBLISHED, "tiny", tiny)
    assert tinyscene.main(["weights", "fetch", "tiny", "--folder", str(tmp_path)]) == 0
    assert f"{tmp_path / 'tiny.pt'}: " in capsys.readouterr().out
    monkeypatch.setenv("TINYSCENE_WEIGHTS", str(tmp_path / "default"))
    assert tinyscene.main(["weights", "fetch", "tiny"]) == 0
    assert (tmp_path / "default" / "tiny.pt").is_file()
    assert tinyscene.main(["weights", "fetch", "none"]) == 2
