"""Download slots: between real processes, and after a kill."""

import subprocess
import sys
from pathlib import Path

from hugflow.store.slots import Slots

SLOT = """
import os, sys, time
from pathlib import Path
from hugflow.store.slots import Slots
inside = Path(sys.argv[2])
slot = Slots(Path(sys.argv[1]), 2).take()
mine = inside / str(os.getpid())
mine.touch()
time.sleep(0.05)
print(len(list(inside.iterdir())), flush=True)
time.sleep(0.05)
mine.unlink()
slot.release()
"""


def test_no_more_downloads_run_at_once_than_there_are_slots(tmp_path: Path):
    inside = tmp_path / "inside"
    inside.mkdir()
    command = [sys.executable, "-c", SLOT, str(tmp_path / "slots"), str(inside)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    seen = [int(child.communicate(timeout=30)[0]) for child in children]
    assert max(seen) <= 2
    assert list(inside.iterdir()) == []


def test_a_slot_that_was_released_is_free_again(tmp_path: Path):
    for _ in range(3):
        Slots(tmp_path, 1).take().release()


def test_an_idle_slot_is_given_only_while_one_is_free(tmp_path: Path):
    slots = Slots(tmp_path, 2)
    first, second = slots.take_idle(), slots.take_idle()
    assert first is not None
    assert second is not None
    assert slots.take_idle() is None
    first.release()
    assert slots.take_idle() is not None


def test_a_killed_process_gives_its_slot_back(tmp_path: Path):
    program = SLOT.replace("time.sleep(0.05)", "time.sleep(60)").replace(", 2)", ", 1)")
    (tmp_path / "inside").mkdir()
    command = [sys.executable, "-c", program, str(tmp_path / "slots"), str(tmp_path / "inside")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        while not list((tmp_path / "inside").iterdir()):
            assert child.poll() is None
        assert Slots(tmp_path / "slots", 1).take_idle() is None
        child.kill()
        child.wait()
        assert Slots(tmp_path / "slots", 1).take_idle() is not None
