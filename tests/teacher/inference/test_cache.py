import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from teacher.inference.cache import Cache, cache_key, image_key
from tests.conftest import ROOT


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def key(number: int) -> str:
    return cache_key(number=number)


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10**6)
    arrays = {
        "half": np.arange(6, dtype=np.float16).reshape(2, 3).T,
        "mask": np.array([True, False]),
        "nothing": np.zeros((0, 4), np.int64),
    }
    assert cache.read("answers", key(1)) is None
    cache.write("answers", key(1), arrays)
    found = Cache(tmp_path, 10**6).read("answers", key(1))
    assert found is not None
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert (cache.hits, cache.misses) == (0, 1)


def test_the_folder_keeps_its_limit_and_what_was_used_last(tmp_path: Path) -> None:
    limit = 100_000
    cache = Cache(tmp_path, limit)
    for number in range(40):
        cache.write("answers", key(number), {"x": np.zeros(5000, np.uint8)})
        path = next(tmp_path.glob(f"answers/??/{key(number)}*"))
        os.utime(path, (number, number))
        cache.read("answers", key(0))  # in use all the time
        assert size_of(tmp_path) <= 1.06 * limit
    assert cache.read("answers", key(0)) is not None
    assert cache.read("answers", key(39)) is not None
    assert cache.read("answers", key(1)) is None
    cache.write("answers", key(99), {"x": np.zeros(2 * limit, np.uint8)})
    assert cache.read("answers", key(99)) is None  # larger than all there may be
    assert cache.read("answers", key(39)) is not None


@pytest.mark.parametrize("content", [b"", b"half a fi", b"\xff" * 100])
def test_a_damaged_file_counts_as_missing_and_goes(tmp_path: Path, content: bytes) -> None:
    cache = Cache(tmp_path, 10**6)
    cache.write("answers", key(1), {"x": np.zeros(3)})
    (path,) = tmp_path.glob("answers/??/*.safetensors")
    path.write_bytes(content)
    assert cache.read("answers", key(1)) is None
    assert not path.exists()


def test_a_disk_that_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file", 10**6)
    with caplog.at_level(logging.WARNING):
        cache.write("answers", key(1), {"x": np.zeros(3)})
        cache.write("answers", key(2), {"x": np.zeros(3)})
    assert len(caplog.records) == 1
    assert "going on without" in caplog.text


def test_several_processes_write_and_evict_at_once(tmp_path: Path) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from pathlib import Path
from teacher.inference.cache import Cache, cache_key
cache = Cache(Path({str(tmp_path)!r}), 60_000)
for number in range(150):
    key = cache_key(number=number % 20)
    found = cache.read("answers", key)
    assert found is None or (found["x"] == number % 20).all()
    cache.write("answers", key, {{"x": np.full(3000, number % 20, np.uint8)}})
"""
    running = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)
    ]
    for process in running:
        _, error = process.communicate()
        assert process.returncode == 0, error.decode()
    assert size_of(tmp_path) <= 1.2 * 60_000
    assert not list(tmp_path.glob("*/??/.*"))


def test_keys_follow_content_and_shape_and_every_part() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert image_key(image) == image_key(image.copy())
    assert image_key(image) != image_key(image.reshape(4, 2, 3))
    assert image_key(image) != image_key(image[..., ::-1])
    assert cache_key(a=1, b="x") == cache_key(b="x", a=1)
    assert cache_key(a=1) != cache_key(a=2)


def test_a_pass_over_more_than_fits_finds_what_was_kept_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100_000)
    for _ in range(2):
        for number in range(40):
            if cache.read("encodings", key(number)) is None:
                cache.write("encodings", key(number), {"x": np.zeros(5000, np.uint8)})
    assert cache.hits >= 15
    assert size_of(tmp_path) <= 100_000


def test_answers_push_encodings_out(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100_000)
    for number in range(30):
        cache.write("encodings", key(number), {"x": np.zeros(5000, np.uint8)})
    for number in range(15):
        cache.write("answers", key(number), {"x": np.zeros(5000, np.uint8)})
    assert all(cache.read("answers", key(number)) for number in range(15))
    assert size_of(tmp_path) <= 100_000


def test_files_of_killed_processes_go_and_a_cache_to_read_alone_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cache(tmp_path, 10**6).write("answers", key(1), {"x": np.zeros(3)})
    left = tmp_path / "answers" / "ab" / ".left"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    cache = Cache(tmp_path, 10**6)
    cache.write("answers", key(2), {"x": np.zeros(3)})
    assert not left.exists()

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refuse)
    assert cache.read("answers", key(1)) is not None
