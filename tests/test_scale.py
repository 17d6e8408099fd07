"""CNNLAB_SCALE chooses between two settings and nothing else."""

import pytest

from cnnlab.scale import by_scale


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
