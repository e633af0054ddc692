"""A small fake of every layout of every dataset, for tests that write and damage many of them."""

from fake_layouts import SmallFake, tables_of_fakes

__all__ = ["SMALL_FAKES", "SmallFake"]

SMALL_FAKES: tuple[SmallFake, ...] = tuple(fake for module in tables_of_fakes() for fake in module.SMALL_FAKES)
