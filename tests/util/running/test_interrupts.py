import os
import signal
from collections.abc import Callable

import pytest

from util.running.interrupts import stop_between_items


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_item_at_hand_is_finished(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = []
    before = signal.getsignal(number)

    def work() -> None:
        with stop_between_items("image") as should_stop:
            for item in range(5):
                if should_stop():
                    break
                if item == 2:
                    os.kill(os.getpid(), number)
                finished.append(item)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert finished == [0, 1, 2]
    assert "stopping after this image" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_a_second_signal_stops_at_once() -> None:
    def work(should_stop: Callable[[], bool]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert should_stop()
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("went on")

    with pytest.raises(KeyboardInterrupt), stop_between_items("image") as should_stop:
        work(should_stop)


def test_without_a_signal_nothing_happens() -> None:
    with stop_between_items("image") as should_stop:
        assert not should_stop()
