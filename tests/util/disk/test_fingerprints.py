"""Fingerprints of files."""

from pathlib import Path

from util.disk.fingerprints import fingerprint, fingerprint_each


def test_a_fingerprint_tells_contents_of_equal_size_apart(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"1" * 200_000)
    second.write_bytes(b"1" * 199_999 + b"2")
    assert fingerprint([first]) == fingerprint([first])
    assert fingerprint([first]) != fingerprint([second])
    assert fingerprint([tmp_path / "missing"]) != fingerprint([first])
    files = [first, tmp_path / "missing", second]
    together, each = fingerprint_each(files)
    assert together == fingerprint(files)
    assert each == [fingerprint([path]) for path in files]
