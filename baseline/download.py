"""Downloading one large file: resumed where it stopped, verified, whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pooch
import requests
from tqdm import tqdm

from baseline.progress import progress_bar
from deploy.errors import InputError

ATTEMPTS = 3
"""Tries in a row without a single new byte before giving up."""

RETRY_WAIT_S = 1.0
TIMEOUT_S = (10, 60)
"""To connect, and between two pieces."""

PIECE_BYTES = 1 << 16
"""What a cut connection can lose."""


def download(
    url: str,
    path: Path,
    *,
    checksum: str | None = None,
    size: int | None = None,
    show_progress: bool = True,
) -> None:
    """Download a file to `path`, continuing `<path>.part` if an earlier try left it.

    A file that is there and has the checksum is left alone; without a checksum it is replaced.

    Args:
        url: http or https; resuming needs a server that knows ranges.
        checksum: algorithm and hexadecimal digest, as in `md5:0123...`; None checks none.
        size: in bytes; None asks the server.

    Raises:
        InputError: no connection, the server refuses, the disk is full, or size or checksum are
            not as announced.
    """
    part = path.with_name(f"{path.name}.part")
    resuming = _Resuming(part, _size_on_server(url) if size is None else size, show_progress)
    try:
        if checksum is None:
            resuming(url, str(path), None)
        else:
            pooch.retrieve(url, checksum, fname=path.name, path=path.parent, downloader=resuming)
    except ValueError as error:  # pooch's word for another checksum; it removed the file
        raise InputError(
            f"{url}: the downloaded file does not have the checksum {checksum}; run again to "
            "download it anew."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); free some space and run "
            "again, what is downloaded is kept."
        ) from error


def get(url: str) -> requests.Response:
    """Get a small answer from a server.

    Raises:
        InputError: no connection, or the server refuses.
    """

    def ask() -> requests.Response:
        response = requests.get(url, timeout=TIMEOUT_S)
        _require_success(response)
        return response

    return _persistently(url, ask)


def unreachable(url: str, error: Exception) -> InputError:
    """The sentence for a server that cannot be reached, stops answering or has trouble."""
    if isinstance(error, requests.Timeout):
        reason = "no answer in time"
    elif isinstance(error, requests.HTTPError):
        reason = str(error)
    else:
        reason = "no connection, or it was cut"
    return InputError(
        f"{url}: cannot be downloaded ({reason}); check the connection and run again, what is "
        "downloaded is kept."
    )


def _size_on_server(url: str) -> int:
    """Bytes of a file, asked for with the request that would download it, whose answer is cut.

    Release pages forward to addresses that are signed for GET and refuse HEAD.
    """

    def ask() -> int:
        headers = {"Range": "bytes=0-", "Accept-Encoding": "identity"}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            _require_success(response)
            ranged = response.headers.get("Content-Range", "").rpartition("/")[2]
            length = response.headers.get("Content-Length", "")
        for size in (ranged, length):
            if size.isdigit():
                return int(size)
        raise InputError(f"{url}: the server does not tell the file's size; get it by other means.")

    return _persistently(url, ask)


Answer = TypeVar("Answer")


def _persistently(url: str, ask: Callable[[], Answer]) -> Answer:
    for attempt in range(ATTEMPTS):
        time.sleep(RETRY_WAIT_S * attempt)
        try:
            return ask()
        except requests.RequestException as error:
            failure = error
    raise unreachable(url, failure) from failure


class _Resuming:
    """A downloader for pooch that fills a partial file from where it ends."""

    def __init__(self, part: Path, size: int, show_progress: bool) -> None:
        self._part = part
        self._size = size
        self._show_progress = show_progress

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        self._part.touch()
        with progress_bar(
            self._size, self._part.stem, "B", show=self._show_progress, done=self._length()
        ) as progress:
            self._complete(url, progress)
        os.replace(self._part, output_file)

    def _length(self) -> int:
        return self._part.stat().st_size

    def _complete(self, url: str, progress: tqdm[Any]) -> None:
        failures = 0
        while self._length() != self._size:
            before = self._length()
            failure: Exception | None = None
            try:
                self._continue(url, progress)
            except requests.RequestException as error:
                failure = error
            failures = 0 if self._length() > before else failures + 1
            if failures == ATTEMPTS:
                raise unreachable(url, failure) if failure else self._wrong_size(url)
            time.sleep(RETRY_WAIT_S * failures)

    def _continue(self, url: str, progress: tqdm[Any]) -> None:
        start = self._length() if self._length() < self._size else 0
        headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            _require_success(response)
            expected = f"bytes {start}-"
            if not response.headers.get("Content-Range", "").startswith(expected):
                start = 0  # the server sends the whole file, whatever it was asked
            progress.n = start
            with open(self._part, "r+b") as file:
                file.truncate(start)
                file.seek(start)
                for piece in response.iter_content(PIECE_BYTES):
                    file.write(piece)
                    progress.update(len(piece))

    def _wrong_size(self, url: str) -> InputError:
        found = self._length()
        self._part.unlink()
        return InputError(
            f"{url}: found {found} bytes, expected {self._size}; the file has changed on the "
            "server, run again later."
        )


def _require_success(response: requests.Response) -> None:
    code = response.status_code
    if code >= 500 or code == requests.codes.too_many_requests:
        raise requests.HTTPError(f"the server has trouble, status {code}")
    if not response.ok:
        raise InputError(
            f"{response.url}: the server refuses with status {code} ({response.reason}); check "
            "the address."
        )
