"""Tests for energy: counters of processors as the kernel shows them."""

import pytest

from prepose.studies.run import energy
from prepose.studies.run.energy import Energy, energy_used


@pytest.fixture
def processors(tmp_path, monkeypatch):
    """Two processors, one with a part that must not be counted twice."""
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "max_energy_range_uj").write_text("100000000\n")
        (tmp_path / name / "energy_uj").write_text("90000000\n")
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    return tmp_path


def test_what_processors_used_is_added_up_over_the_end_of_a_counter(processors):
    with energy_used(cuda=False) as used:
        (processors / "intel-rapl:0" / "energy_uj").write_text("95000000\n")
        (processors / "intel-rapl:1" / "energy_uj").write_text("2000000\n")
        (processors / "intel-rapl:0:0" / "energy_uj").write_text("99000000\n")
    assert used.source == "rapl" and used.joules == pytest.approx(5 + 12)


def test_a_counter_that_fails_on_the_way_spoils_the_sum(processors):
    with energy_used(cuda=False) as used:
        (processors / "intel-rapl:1" / "energy_uj").unlink()
    assert used == Energy(None, None)


def test_counters_are_read_now_and_then(processors, monkeypatch):
    """One that starts again several times would otherwise be read too seldom."""
    monkeypatch.setattr(energy, "SAMPLE_SECONDS", 0.01)
    path = processors / "intel-rapl:0" / "energy_uj"
    with energy_used(cuda=False) as used:
        for reading, total in ((95, 5), (10, 20), (60, 70), (5, 115)):
            # At once, as the kernel does it.
            path.with_suffix(".new").write_text(f"{reading}000000\n")
            path.with_suffix(".new").replace(path)
            for _ in range(500):
                if used.joules == pytest.approx(total):
                    break
                energy.threading.Event().wait(0.01)
    assert used.joules == pytest.approx(115)


def test_where_no_device_tells_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    with energy_used(cuda=False) as used:
        pass
    assert used == Energy(None, None)


def test_a_counter_that_may_not_be_read_says_nothing(processors):
    (processors / "intel-rapl:1" / "energy_uj").unlink()
    with energy_used(cuda=False) as used:
        pass
    assert used == Energy(None, None)
