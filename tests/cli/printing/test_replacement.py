"""`-o`: what takes the place of a file keeps its mode, what is no file is written to, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.printing.output import Output
from cqrs_cli.cli.printing.replacement import Replacement
from cqrs_cli.errors import Misuse

ROOT = Path(__file__).parents[3]


def written(path: str, text: str = "new", keep: bool = True) -> None:
    output = Output(path)
    output.write(text)
    output.close(keep)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o644])
def test_the_mode_of_what_is_replaced_is_kept(tmp_path, mode):
    target = tmp_path / "out"
    target.write_text("old")
    target.chmod(mode)
    before = target.stat()
    written(str(target))
    assert target.read_text() == "new"
    assert target.stat().st_mode == before.st_mode
    assert target.stat().st_ino != before.st_ino


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path):
    written(str(tmp_path / "out"))
    (tmp_path / "other").write_text("")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_nobody_else_reads_what_is_being_written(tmp_path, monkeypatch):
    modes = []
    fchmod = os.fchmod
    monkeypatch.setattr(os, "fchmod", lambda file, mode: (modes.append(os.fstat(file).st_mode), fchmod(file, mode)))
    (tmp_path / "out").write_text("old")
    (tmp_path / "out").chmod(0o600)
    output = Output(str(tmp_path / "out"))
    output.write("new")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    output.close()
    assert [mode & 0o077 for mode in modes] == [0]  # nor before it has its mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_of_what_is_replaced_is_kept(tmp_path):
    target = tmp_path / "out"
    target.write_text("old")
    os.chown(target, 12345, 23456)
    written(str(target))
    assert (target.stat().st_uid, target.stat().st_gid) == (12345, 23456)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to everything")
def test_a_file_that_may_not_be_written_to_is_not_replaced_either(tmp_path):
    target = tmp_path / "out"
    target.write_text("old")
    target.chmod(0o400)
    with pytest.raises(Misuse, match="Permission denied"):
        written(str(target))
    assert target.read_text() == "old"


def test_a_file_without_the_right_to_write_is_refused(tmp_path, monkeypatch):
    (tmp_path / "out").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, right: False)
    with pytest.raises(Misuse, match="Permission denied"):
        written(str(tmp_path / "out"))
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("name", ["new", "old", "folder"])
def test_a_path_that_ends_as_a_folder_makes_no_file(tmp_path, name):
    (tmp_path / "old").write_text("old")
    (tmp_path / "folder").mkdir()
    with pytest.raises(Misuse, match="can't be written"):
        written(f"{tmp_path}/{name}/")
    assert sorted(os.listdir(tmp_path)) == ["folder", "old"]
    assert (tmp_path / "old").read_text() == "old"


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"])
def test_a_descriptor_is_written_to_where_it_stands(tmp_path, folder):
    with open(tmp_path / "out", "w+") as file:
        file.write("first, ")
        file.flush()
        before = os.fstat(file.fileno())
        (tmp_path / "link").symlink_to(f"{folder}/{file.fileno()}")
        written(str(tmp_path / "link"))
        assert os.fstat(file.fileno()).st_ino == before.st_ino
    assert (tmp_path / "out").read_text() == "first, new"
    assert sorted(os.listdir(tmp_path)) == ["link", "out"]


def test_a_pipe_by_its_descriptor(tmp_path):
    reading, writing = os.pipe()
    written(f"/dev/fd/{writing}")
    assert os.read(reading, 100) == b"new"
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        written(f"/dev/fd/{writing}")
    os.close(writing)
    with pytest.raises(Misuse, match="Bad file descriptor"):
        written(f"/dev/fd/{writing}")


def test_standard_output_by_its_name_is_standard_output(capsys):
    written("/proc/self/fd/1", "new")
    assert capsys.readouterr().out == "new"


def test_a_named_pipe_stays_one_and_data_of_a_failed_run_was_sent(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    written(str(pipe), keep=False)
    assert os.read(reading, 100) == b"new"
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]
    os.close(reading)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_nothing_is_left_when_it_can_not_be_put_in_place(tmp_path, monkeypatch, failing):
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(Exception, match="No space left"):
        written(str(tmp_path / "out"))
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_by_who_is_ended(tmp_path, number):
    (tmp_path / "out").write_text("old")
    program = (
        "import os, signal, sys, time\n"
        f"signal.signal({int(number)}, signal.SIG_DFL)\n"  # whoever runs the tests may ignore it
        "from cqrs_cli.cli.printing.output import Output\n"
        "output = Output('out')\n"
        "output.write('new')\n"
        "if os.fork() == 0:\n"  # a child that is ended, too, takes nothing of its parent's away
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    time.sleep(100)\n"
        "os.wait()\n"
        "print(len(os.listdir()), flush=True)\n"
        "time.sleep(100)\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
    )
    assert running.stdout
    assert running.stdout.readline() == b"2\n"
    running.send_signal(number)
    running.communicate(timeout=60)
    assert running.returncode == -number
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out").read_text() == "old"


def test_signals_mean_afterwards_what_they_did_before(tmp_path):
    for end in (Replacement.put, Replacement.drop):
        one = Replacement(str(tmp_path / "out"), "strict")
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        end(one)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("heard", [signal.SIG_IGN, lambda *_: None])
def test_who_listens_already_goes_on_listening(tmp_path, heard):
    before = signal.signal(signal.SIGTERM, heard)
    try:
        one = Replacement(str(tmp_path / "out"), "strict")
        assert signal.getsignal(signal.SIGTERM) is heard
        one.put()
        assert signal.getsignal(signal.SIGTERM) is heard
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.slow
def test_a_substituted_process_and_standard_output_of_a_shell(cqrs, tmp_path):
    cqrs("init")
    cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1")
    line = f"{sys.executable} -m cqrs_cli log --jsonl -o"
    script = f"{line} >(cat >substituted); (echo before; {line} /dev/stdout) >appended; {line} /dev/stdout | cat >piped"
    subprocess.run(["bash", "-c", script], cwd=cqrs.folder, env=cqrs.environ, check=True)
    event = cqrs("log", "--jsonl").stdout
    assert Path(cqrs.folder, "appended").read_text() == f"before\n{event}"
    assert Path(cqrs.folder, "piped").read_text() == event
    end = time.monotonic() + 60
    while Path(cqrs.folder, "substituted").read_text() != event and time.monotonic() < end:
        time.sleep(0.05)
    assert Path(cqrs.folder, "substituted").read_text() == event
