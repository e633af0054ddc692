import numpy as np
import pytest

from prepose.synthetic.surfaces import MATERIALS, VARIANTS, draw_surface
from prepose.synthetic.weaves import BRIGHTEST


@pytest.mark.parametrize("kind", MATERIALS)
def test_tinted_surface_stays_albedo(kind):
    generator = np.random.default_rng(0)
    for _ in range(5):
        surface = draw_surface(kind, generator)
        shown = surface.texture.image * surface.tint
        assert shown.min() > 0 and shown.max() <= BRIGHTEST + 1e-5
        assert surface.period > 0


def test_patterns_are_shared_and_tints_are_not():
    generator = np.random.default_rng(0)
    surfaces = [draw_surface("wood", generator) for _ in range(60)]
    assert len({id(surface.texture) for surface in surfaces}) <= VARIANTS
    assert len({surface.tint.tobytes() for surface in surfaces}) == 60


def test_unknown_material_is_named():
    with pytest.raises(ValueError, match=r"no material is named 'cheese'; known: wood, "):
        draw_surface("cheese", np.random.default_rng(0))
