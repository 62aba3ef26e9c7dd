import errno
import subprocess
import sys

import pytest

from conftest import SCRIPTS
from hrpro.utils import locks
from hrpro.utils.progress import log

HOLD = """
import sys
from hrpro.utils import locks
locks.acquire(sys.argv[1])
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["file", "."])
def test_a_lock_is_exclusive_until_it_is_released(tmp_path, name):
    lock = locks.acquire(tmp_path / name)
    with pytest.raises(BlockingIOError):
        locks.acquire(tmp_path / name)
    locks.release(lock)
    locks.release(locks.acquire(tmp_path / name, wait=True))


def test_a_lock_ends_with_its_process(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=SCRIPTS, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(BlockingIOError):
            locks.acquire(tmp_path)
        process.kill()
    locks.release(locks.acquire(tmp_path))


def test_a_file_system_without_locks_costs_a_line(tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    with caplog.at_level("INFO", log.name):
        locks.release(locks.acquire(tmp_path))
    assert caplog.messages == [f"{tmp_path}: the file system cannot lock it (No locks available)"]
