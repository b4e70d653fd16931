from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchharness.errors import OrchError
from orchharness.workspace import files
from orchharness.workspace import store as store_module
from orchharness.workspace.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def entries(store: Store) -> list[str]:
    return sorted(str(p.relative_to(store.root)) for p in store.root.rglob("*") if p.is_file())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_what_is_put_in_comes_out_again(store: Store, tmp_path: Path, data: bytes) -> None:
    source = tmp_path / "source"
    source.write_bytes(data)

    stored = store.put(source)
    store.stage(stored.sha256, tmp_path / "copy")

    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert stored.size == len(data)
    assert store.read(stored.sha256) == data
    assert (tmp_path / "copy").read_bytes() == data


def test_the_name_is_the_digest_and_nobody_may_write(store: Store) -> None:
    stored = store.put_bytes(b"hello")

    path = store.path(stored.sha256)
    assert path == store.root / stored.sha256[:2] / stored.sha256[2:]
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700


def test_the_same_bytes_are_kept_once_and_not_written_again(store: Store) -> None:
    first = store.put_bytes(b"hello")
    inode = store.path(first.sha256).stat().st_ino

    assert store.put_bytes(b"hello") == first
    assert store.path(first.sha256).stat().st_ino == inode
    assert len(entries(store)) == 1


def test_a_cut_artifact_is_put_in_again(store: Store) -> None:
    stored = store.put_bytes(b"hello")
    store.path(stored.sha256).chmod(0o600)
    store.path(stored.sha256).write_bytes(b"hel")

    store.put_bytes(b"hello")

    assert store.read(stored.sha256) == b"hello"


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_large_file_is_kept_like_a_small_one(store: Store, tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * size)

    first, second = store.put(source), store.put(source)

    assert first == second == store_module.Stored(hashlib.sha256(b"x" * size).hexdigest(), size)
    assert len(entries(store)) == 1


def test_the_digest_of_a_file_that_changes_while_it_is_read_is_that_of_what_was_stored(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"a" * 2_000_000)
    real, calls = store_module.copy_bytes, []

    def meddling(file, target):
        read = real(file, target)
        calls.append(target)
        if target is None:  # after it was hashed for the first time, before it is copied
            source.write_bytes(b"b" * 2_000_001)
        return read

    monkeypatch.setattr(store_module, "copy_bytes", meddling)
    stored = store.put(source)

    assert stored.size == 2_000_001
    assert store.read(stored.sha256) == b"b" * 2_000_001
    assert len(calls) == 2


def test_a_staged_copy_is_read_only_and_no_link_to_the_store(store: Store, tmp_path: Path) -> None:
    stored = store.put_bytes(b"hello")
    target = tmp_path / "a" / "b" / "copy"
    store.stage(stored.sha256, target)

    assert stat.S_IMODE(target.stat().st_mode) == 0o400
    assert target.stat().st_ino != store.path(stored.sha256).stat().st_ino
    assert target.stat().st_nlink == 1

    target.chmod(0o600)
    target.write_bytes(b"mine")
    assert store.read(stored.sha256) == b"hello"


def test_staging_replaces_what_stands_there_and_does_not_write_through_a_link(
    store: Store, tmp_path: Path
) -> None:
    stored = store.put_bytes(b"hello")
    victim, target = tmp_path / "victim", tmp_path / "copy"
    victim.write_text("precious")
    target.symlink_to(victim)

    store.stage(stored.sha256, target)

    assert victim.read_text() == "precious"
    assert target.read_bytes() == b"hello"
    assert not target.is_symlink()


@pytest.mark.parametrize("damage", ["bytes", "link"])
def test_damaged_bytes_are_named_put_aside_and_never_handed_out(
    store: Store, tmp_path: Path, damage: str
) -> None:
    stored = store.put_bytes(b"hello")
    path = store.path(stored.sha256)
    if damage == "bytes":
        path.chmod(0o600)
        path.write_bytes(b"jello")
    else:
        path.unlink()
        path.symlink_to("/etc/passwd")

    with pytest.raises(OrchError) as caught:
        store.stage(stored.sha256, tmp_path / "t" / "copy")

    assert str(caught.value) == (
        f"the run's store is damaged: {path} did not hold the bytes of its name and was put aside as "
        f"{path.name}.damaged; what produced it has to run again"
    )
    assert list((tmp_path / "t").iterdir()) == []
    store.put_bytes(b"hello")
    assert store.read(stored.sha256) == b"hello"


def test_reading_damaged_bytes_is_an_error(store: Store) -> None:
    stored = store.put_bytes(b"hello")
    store.path(stored.sha256).chmod(0o600)
    store.path(stored.sha256).write_bytes(b"jello")

    with pytest.raises(OrchError, match="is damaged"):
        store.read(stored.sha256)


def test_what_is_not_in_the_store_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(OrchError) as caught:
        store.stage("ab" + "0" * 62, tmp_path / "copy")

    assert str(caught.value) == (
        f"the run's store lacks {store.root}/ab/{'0' * 62}: what produced it has to run again"
    )


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_digest_is_a_digest(store: Store, digest: str) -> None:
    with pytest.raises(OrchError, match="is not a SHA-256"):
        store.path(digest)


@pytest.mark.parametrize("size", [10, 3_000_000])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_an_oserror_and_leaves_no_half_file(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, size: int
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * size)

    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "_to_disk", full)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        store.put(source)

    assert caught.value.errno == number
    assert entries(store) == []


def test_a_disk_that_fills_while_staging_leaves_no_half_file(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = store.put_bytes(b"hello")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_to_disk", full)
    with pytest.raises(OSError, match="No space left"):
        store.stage(stored.sha256, tmp_path / "t" / "copy")

    assert list((tmp_path / "t").iterdir()) == []


def test_a_really_full_device_is_an_oserror() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with (
        pytest.raises(OSError, match="No space left") as caught,
        Path("/etc/passwd").open("rb") as source,
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        files.copy_bytes(source, full)

    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "device"])
def test_only_regular_files_are_put_in_and_a_fifo_does_not_block(
    store: Store, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "thing"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("/etc/passwd")
        case "device":
            path = Path("/dev/null")

    with pytest.raises(OSError, match="is a") as caught:
        store.put(path)

    assert caught.value.errno == errno.EINVAL


def test_a_store_that_nobody_used_leaves_no_trace(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")

    assert not store.has("0" * 64, 0)
    assert not store.root.exists()
