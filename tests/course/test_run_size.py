"""CNNLAB_SCALE chooses between two settings and nothing else."""

from types import SimpleNamespace

import pytest

from cnnlab.course.run_size import by_scale
from conftest import pytest_configure


@pytest.mark.parametrize(("scale", "expected"), [(None, 1), ("", 1), ("quick", 1), ("full", 2)])
def test_the_environment_chooses(monkeypatch, scale, expected):
    monkeypatch.delenv("CNNLAB_SCALE", raising=False)
    if scale is not None:
        monkeypatch.setenv("CNNLAB_SCALE", scale)
    assert by_scale(1, 2) == expected


def test_another_scale_is_refused(monkeypatch):
    monkeypatch.setenv("CNNLAB_SCALE", "huge")
    with pytest.raises(ValueError, match="CNNLAB_SCALE='huge' is not one of quick, full; leave it unset"):
        by_scale(1, 2)


@pytest.mark.parametrize(("words", "seconds"), [([], 600), (["--nbval-cell-timeout=4000"], 4000)])
def test_a_time_out_that_is_asked_for_holds(words, seconds):
    """Cells of the full size take longer than those of a laptop's."""
    asked = SimpleNamespace(nbval=True, nbval_cell_timeout=4000 if words else 2000, nbval_sanitize_with="")
    pytest_configure(SimpleNamespace(option=asked, invocation_params=SimpleNamespace(args=words)))
    assert asked.nbval_cell_timeout == seconds
